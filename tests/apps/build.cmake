# cmake -DBUILD=… -DHOST=… -DCXX=… -DCC=… -DSCRATCH=… [-DLAUNCHER=…] [-DFLAGS=…] [-DCOMPONENT=…] -P build.cmake
# Installs BUILD (one component of it) into SCRATCH/prefix, and builds the project HOST against that alone in SCRATCH/build.
file(REMOVE_RECURSE "${SCRATCH}/prefix")
function(must what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "apps: ${what} failed (${status}):\n${text}")
  endif()
endfunction()

set(component "")
if(COMPONENT)
  set(component --component "${COMPONENT}")
endif()
must("cmake --install" ${CMAKE_COMMAND} --install "${BUILD}" --prefix "${SCRATCH}/prefix" ${component})
# A file that flexc's headers or library no longer justify must not survive from an earlier run.
file(REMOVE_RECURSE "${SCRATCH}/build")
must("configuring the host programs" ${CMAKE_COMMAND} -S "${HOST}" -B "${SCRATCH}/build" -G Ninja "-DCMAKE_PREFIX_PATH=${SCRATCH}/prefix" "-DCMAKE_CXX_COMPILER=${CXX}"
  "-DCMAKE_C_COMPILER=${CC}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_C_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_CXX_FLAGS=${FLAGS}" "-DCMAKE_C_FLAGS=${FLAGS}")
must("building the host programs" ${CMAKE_COMMAND} --build "${SCRATCH}/build")
message(STATUS "apps: installed, found, built")
