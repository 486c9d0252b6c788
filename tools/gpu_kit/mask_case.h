// A block mask of the kit: a tile program, and what it is launched with. The writer makes it; the runner builds it on the host and on the GPU.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "flexc/block_mask.h"
#include "flexc/error.h"
#include "runtime/cuda/driver.h"
#include "runtime/tile/program.h"
#include "tools/gpu_kit/case_file.h"

namespace flexc::kit {

struct MaskCase {
  std::string name;
  tile::Program program;
  BlockMask frame;      ///< lengths, blocks, and the call's batches and heads
  tile::Launch launch;  ///< without captures
  std::vector<CaseCapture> captures;
};

nlohmann::ordered_json to_json(const MaskCase& value);
/// Input for what is no such case.
Result<MaskCase> mask_case_from_json(const nlohmann::ordered_json& json);

/// Builds the mask on the host and on the GPU, whose kernels and captures are files of the kit, at each refinement: one line of JSON each. Whether all are equal.
Result<bool> run_mask(const runtime::CudaDriver& driver, const std::string& kit, const std::string& name);

}  // namespace flexc::kit
