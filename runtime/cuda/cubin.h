// What a cubin says of its kernel: resources, read from the ELF file without any tool of NVIDIA's.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "flexc/error.h"

namespace flexc::runtime {

struct CubinReport {
  std::string kernel;            ///< name of its one entry function
  unsigned registers = 0;        ///< a thread
  unsigned stack_bytes = 0;      ///< frame in local memory: spills, arrays, calls
  unsigned static_smem_bytes = 0;  ///< without the KiB that the system keeps
  unsigned code_bytes = 0;
  unsigned local_loads = 0, local_stores = 0;  ///< LDL and STL instructions
  unsigned tensor_instructions = 0;            ///< HGMMA
};

/// Internal for anything that is not a cubin with exactly one kernel; no byte outside of `bytes` is read.
Result<CubinReport> read_cubin(std::span<const std::byte> bytes);

/// Bytes of each of the kernel's parameters, in their order: what a launch copies from each pointer that it is given. Errors as read_cubin.
Result<std::vector<unsigned>> kernel_parameter_bytes(std::span<const std::byte> bytes);

/// "… bytes spill stores" of ptxas' log, the largest of all functions; 0 where it says nothing.
unsigned spill_bytes_in(const std::string& log);

}  // namespace flexc::runtime
