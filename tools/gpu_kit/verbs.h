// The verbs of flexc_gpu_runner. Each prints one JSON object a line and says whether all was as expected; an Error is something else than a difference.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/bundle.h"
#include "flexc/error.h"
#include "tools/gpu_kit/call.h"
#include "tools/gpu_kit/case_file.h"

namespace flexc::kit {

using Json = nlohmann::ordered_json;

/// One line to standard output, at once: a reader may see the process die.
void say(const Json& line);
Result<std::string> read_file(const std::string& path);
/// BUNDLE is relative to the kit.
Result<Bundle> open_bundle(const std::string& kit, const std::string& bundle);
Result<Case> open_case(const std::string& kit, const std::string& name);

/// Numbers and primitives of the machine, each against the words that the host model gives.
Result<bool> run_micro(const std::string& kit);
/// A case of the kit against its expected output; on CUDA also twice without and once with its block mask, bitwise equal.
Result<bool> run_case(const std::string& kit, const std::string& name, Device device);
/// Shapes QxKV against the oracle, which runs here; then rows without a key, and NaN and infinity in removed and kept places.
Result<bool> run_shapes(const std::string& kit, const std::string& name, const std::vector<std::pair<std::int64_t, std::int64_t>>& shapes, Device device);
/// `runs` calls while another stream writes `load_mib` MiB again and again: bitwise equal.
Result<bool> run_repeat(const std::string& kit, const std::string& name, int runs, std::int64_t load_mib);
/// Every CUDA text of the bundle through NVRTC: the cubin that the bundle carries.
Result<bool> run_retile(const std::string& kit, const std::string& bundle);
/// Block masks of captures on the GPU, beside the host's.
Result<bool> run_mask(const std::string& kit, const std::string& name);

struct Bench {
  std::string bundle, variant;
  Extents extents;
  int repeats = 20, inner = 10;  ///< samples, and launches a sample, so that the host's work hides behind the GPU's
};
Result<bool> run_bench(const std::string& kit, const Bench& bench);
/// A capture's elements as the gallery makes them, raw, so that a peer reads the same ones.
Result<bool> write_capture(const std::string& kit, const Bench& bench, const std::string& capture, const std::string& file);
/// The shared objects of this process that are neither the kit's nor the system's C and C++ ones, after a kernel of the CPU ran.
Result<bool> list_libraries(const std::string& kit, const std::string& name);

}  // namespace flexc::kit
