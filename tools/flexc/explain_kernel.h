// The parts of `flexc explain` about the Hopper kernel: what is computed where, and what its machine code takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "flexc/explain.h"
#include "tools/flexc/machine_code.h"

namespace flexc::cli {

/// A compiled kernel, or why there is none.
struct KernelCode {
  DType dtype = bf16;
  std::int64_t head_dim = 64;
  bool is_simt = false;         ///< the plain kernel (templates/simt), not the Hopper kernel
  std::string architecture = "sm_90a";
  std::string missing = {};     ///< why nothing was compiled; empty where it was
  unsigned registers = 0, spill_bytes = 0, smem_bytes = 0;
  std::optional<MainLoop> loop = {};
  std::string loop_missing = {};  ///< why the loop was not counted
};

/// Compiles it, or takes it from the cache. Without NVRTC, or where there is no template for the dtype and head dim, the answer says so; other failures are thrown.
KernelCode look_at_code(const Variant& variant, DType dtype, std::int64_t head_dim);

std::string work_text(const KernelExplanation& work);
std::string code_text(const KernelCode& code);
nlohmann::ordered_json work_json(const KernelExplanation& work);
nlohmann::ordered_json code_json(const KernelCode& code);

}  // namespace flexc::cli
