// A gallery case of the kit as JSON: which kernel of which bundle, the call, and what has to come out. The writer makes it, the runner reads it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "flexc/error.h"
#include "tools/gpu_kit/call.h"
#include "tools/gpu_kit/reference.h"

namespace flexc::kit {

struct Case {
  std::string name, variant, bundle, expected_out, expected_lse;  ///< files are relative to the kit
  std::string model_out;  ///< bits of the same call on the host model; empty where the kit has none
  DType dtype = DType::BF16;
  Extents extents;
  std::uint64_t seed = 0;
  Limits limits;
};

nlohmann::ordered_json to_json(const Case& value);
/// Input for what is no case.
Result<Case> case_from_json(const nlohmann::ordered_json& json);

}  // namespace flexc::kit
