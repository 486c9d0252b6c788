# cmake -DSOURCE=… -DBUILD=… -DCXX=… -DCC=… -DIR_LIBRARY=… [-DLAUNCHER=…] -P build.cmake
# Builds flexc under ThreadSanitizer in BUILD, with the compiler proper (MLIR, LLVM) taken from IR_LIBRARY, the engine's tests and,
# against an installation of it, the host programs.
function(must what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "threads: ${what} failed (${status}):\n${text}")
  endif()
endfunction()

must("configuring" ${CMAKE_COMMAND} -S "${SOURCE}" -B "${BUILD}" -G Ninja -DCMAKE_BUILD_TYPE=Threads "-DCMAKE_CXX_FLAGS_THREADS=-fsanitize=thread -O1 -g1"
  "-DCMAKE_C_FLAGS_THREADS=-fsanitize=thread -O1 -g1" "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_C_COMPILER=${CC}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}"
  "-DCMAKE_C_COMPILER_LAUNCHER=${LAUNCHER}" "-DFLEXC_IR_LIBRARY=${IR_LIBRARY}" -DFLEXC_BUILD_TESTS=ON)
must("building" ${CMAKE_COMMAND} --build "${BUILD}" --target flexc_compiler test_api)
must("the host programs" ${CMAKE_COMMAND} "-DBUILD=${BUILD}" "-DHOST=${SOURCE}/tests/apps/host" "-DCXX=${CXX}" "-DCC=${CC}" "-DLAUNCHER=${LAUNCHER}" "-DSCRATCH=${BUILD}/scratch"
  "-DFLAGS=-fsanitize=thread -g1" -DCOMPONENT=Unspecified -P "${SOURCE}/tests/apps/build.cmake")
message(STATUS "threads: built")
