# Installation: public headers, the libraries, the command line, and find_package(flexc).
include(CMakePackageConfigHelpers)
install(TARGETS flexc_runtime flexc_dsl flexc_compiler flexc_options EXPORT flexcTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
# Opened with dlopen by flexc_compiler, from the folder that it is in itself.
if(FLEXC_IR_LIBRARY)
  install(IMPORTED_RUNTIME_ARTIFACTS flexc_ir LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
else()
  install(TARGETS flexc_ir EXPORT flexcTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
# A component of its own: hosts that embed flexc need no command line.
install(TARGETS flexc RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command_line)
foreach(part runtime dsl compiler)
  install(DIRECTORY ${part}/include/flexc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} PATTERN "dsl" EXCLUDE PATTERN "flexc/runtime" EXCLUDE)
endforeach()
install(EXPORT flexcTargets NAMESPACE flexc:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/flexc)
configure_package_config_file(tools/cmake/flexcConfig.cmake.in "${PROJECT_BINARY_DIR}/flexcConfig.cmake"
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/flexc)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/flexcConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/flexcConfig.cmake" "${PROJECT_BINARY_DIR}/flexcConfigVersion.cmake"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/flexc)

# pkg-config. Paths are relative to the .pc file, so that a prefix can be moved.
file(RELATIVE_PATH FLEXC_PC_TO_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" FLEXC_PC_TO_PREFIX "${FLEXC_PC_TO_PREFIX}")
foreach(package flexc flexc-runtime)
  configure_file(tools/cmake/${package}.pc.in "${PROJECT_BINARY_DIR}/${package}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${package}.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
