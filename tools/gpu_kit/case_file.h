// A gallery case of the kit as JSON: how its kernel is launched, with what, and what has to come out. The writer makes it, the runner reads it.
#pragma once

#include <nlohmann/json.hpp>

#include "flexc/error.h"
#include "runtime/cuda/hook_params.h"

namespace flexc::kit {

struct CaseCapture {
  std::string file;  ///< raw elements, row-major; empty: not read by the variant
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;
};

struct Case {
  std::string name, variant, cubin, expected_out, expected_lse;  ///< files are relative to the kit
  runtime::HopperMember member;
  std::vector<std::int64_t> shape;  ///< B, H, HKV, Q, KV, D, DV
  std::uint64_t seed = 0;
  double scale = 1;
  double most_error = 0, most_mean_error = 0, most_lse_error = 0;  ///< by the rules of accuracy, from the oracle in rounded mode
  std::vector<CaseCapture> captures;
  std::vector<runtime::HookCall::Param> params;
  std::vector<std::int64_t> fresh_dims;
};

nlohmann::ordered_json to_json(const Case& value);
/// Input for what is no case.
Result<Case> case_from_json(const nlohmann::ordered_json& json);

}  // namespace flexc::kit
