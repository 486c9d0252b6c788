# Compile options shared by every target of flexc, as one interface target that is linked privately.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
# Installed libraries find each other wherever the prefix is.
set(CMAKE_INSTALL_RPATH "$ORIGIN")
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(flexc_options INTERFACE)
target_compile_options(flexc_options INTERFACE -Wall -Wextra -Wpedantic -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports impossible overlaps inside std::string's operator+ (GCC bug 105651). clang has no local level of -Wshadow.
  target_compile_options(flexc_options INTERFACE -Wshadow=local -Wno-restrict)
endif()
# The oracle and everything in the strict cone must never be contracted into fused operations.
target_compile_options(flexc_options INTERFACE -ffp-contract=off)
target_include_directories(flexc_options INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
if(FLEXC_SANITIZE)
  target_compile_options(flexc_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(flexc_options INTERFACE -fsanitize=address,undefined)
endif()
if(FLEXC_FUZZ)
  target_compile_options(flexc_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
