// A block mask of the kit: a tile program, and what it is launched with. The writer makes it; the runner builds it on the host and on the GPU.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "flexc/block_mask.h"
#include "flexc/error.h"
#include "runtime/tile/program.h"
#include "tools/gpu_kit/capture_file.h"

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

}  // namespace flexc::kit
