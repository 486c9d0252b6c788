// flexc_gpu_runner: runs a kit. What it needs lies in the kit's lib/ beside it, but for libc and, where a GPU is asked for, the CUDA driver; no compiler.
// Prints one JSON object a line. Exit status: 0 all is as expected, 1 something differs, 2 usage or a damaged kit, 3 no GPU, no driver or no NVRTC.
#include <array>
#include <functional>
#include <iostream>
#include <sstream>

#include "runtime/cuda/driver.h"
#include "tools/gpu_kit/give_up.h"
#include "tools/gpu_kit/verbs.h"

namespace {

using namespace flexc;
using Words = std::vector<std::string>;

struct Verb {
  const char *name, *arguments;
  std::size_t least, most;  ///< arguments after the verb
  std::function<Result<bool>(const Words&)> run;
};

std::vector<std::int64_t> numbers(const std::string& list, char separator) {
  std::vector<std::int64_t> values;
  std::stringstream stream(list);
  for (std::string part; std::getline(stream, part, separator);) values.push_back(std::strtoll(part.c_str(), nullptr, 10));
  return values;
}

Device device_of(const std::string& word) {
  if (word == "cpu") return Device::cpu();
  if (word != "cuda") kit::give_up({ErrorKind::Usage, "a device is cpu or cuda, not " + word});
  return Device::cuda();
}

kit::Extents extents_of(const std::string& list) {
  const auto extents = numbers(list, ',');
  if (extents.size() != 6) kit::give_up({ErrorKind::Usage, "a shape is B,H,HKV,Q,KV,D"});
  return {extents[0], extents[1], extents[2], extents[3], extents[4], extents[5]};
}

std::vector<std::pair<std::int64_t, std::int64_t>> shapes_of(const std::string& list) {
  std::vector<std::pair<std::int64_t, std::int64_t>> shapes;
  std::stringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) {
    const auto pair = numbers(part, 'x');
    if (pair.size() != 2) kit::give_up({ErrorKind::Usage, "a list of shapes is QxKV,QxKV,…"});
    shapes.emplace_back(pair[0], pair[1]);
  }
  return shapes;
}

Result<bool> probe() {
  const auto driver = runtime::CudaDriver::open();
  if (!driver) return std::unexpected(driver.error());
  if (!driver->is_hopper()) return std::unexpected(Error{ErrorKind::Environment, "the GPU has compute capability " + std::to_string(driver->capability() / 10) + "." + std::to_string(driver->capability() % 10) + "; this kit is for 9.0"});
  kit::say({{"gpu", driver->name()}, {"driver", driver->version()}, {"multiprocessors", driver->multiprocessors()}, {"l2_bytes", driver->l2_bytes()}});
  return true;
}

int at_least_one(const std::string& word) { return std::max(1, std::atoi(word.c_str())); }

const Verb kVerbs[] = {
    {"probe", "", 0, 0, [](const Words&) { return probe(); }},
    {"micro", "KIT", 1, 1, [](const Words& w) { return kit::run_micro(w[0]); }},
    {"case", "KIT NAME cpu|cuda", 3, 3, [](const Words& w) { return kit::run_case(w[0], w[1], device_of(w[2])); }},
    {"shapes", "KIT NAME QxKV,… cpu|cuda", 4, 4, [](const Words& w) { return kit::run_shapes(w[0], w[1], shapes_of(w[2]), device_of(w[3])); }},
    {"repeat", "KIT NAME RUNS LOAD_MIB", 4, 4, [](const Words& w) { return kit::run_repeat(w[0], w[1], at_least_one(w[2]), at_least_one(w[3])); }},
    {"mask", "KIT NAME", 2, 2, [](const Words& w) { return kit::run_mask(w[0], w[1]); }},
    {"retile", "KIT BUNDLE", 2, 2, [](const Words& w) { return kit::run_retile(w[0], w[1]); }},
    {"bench", "KIT BUNDLE VARIANT B,H,HKV,Q,KV,D [REPEATS]", 4, 5,
     [](const Words& w) {
       kit::Bench bench{w[1], w[2], extents_of(w[3])};
       if (w.size() == 5) bench.repeats = at_least_one(w[4]);
       return kit::run_bench(w[0], bench);
     }},
    {"capture", "KIT BUNDLE VARIANT B,H,HKV,Q,KV,D NAME FILE", 6, 6, [](const Words& w) { return kit::write_capture(w[0], {w[1], w[2], extents_of(w[3])}, w[4], w[5]); }},
    {"libraries", "KIT NAME", 2, 2, [](const Words& w) { return kit::list_libraries(w[0], w[1]); }},
};

}  // namespace

int main(int count, char** words) {
  Words arguments(words + 1, words + count);
  for (const Verb& verb : kVerbs) {
    if (arguments.empty() || arguments[0] != verb.name || arguments.size() - 1 < verb.least || arguments.size() - 1 > verb.most) continue;
    arguments.erase(arguments.begin());
    const auto done = verb.run(arguments);
    if (!done) kit::give_up(done.error());
    return *done ? 0 : kit::kExitDiffers;
  }
  std::cerr << "usage:\n";
  for (const Verb& verb : kVerbs) std::cerr << "  runner " << verb.name << " " << verb.arguments << "\n";
  return kit::kExitUsage;
}
