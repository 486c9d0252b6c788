// flexc doctor: what this machine and this build have, and what therefore works.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "flexc/environment.h"
#include "flexc/flexc.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/options.h"
#include "tools/flexc/output.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

struct DeviceState {
  std::string_view name;
  std::string problem;  ///< empty: it works
};

/// Tries each device with the simplest variant there is.
std::vector<DeviceState> try_devices() {
  const std::pair<std::string_view, Device> devices[] = {{"oracle", Device::oracle()}, {"cpu", Device::cpu()}, {"cuda", Device::cuda()}, {"model", Device::model()}};
  std::vector<DeviceState> states;
  const auto variant = Variant::from_expressions("score", "");
  Engine engine;
  for (const auto& [name, device] : devices) {
    DeviceState& state = states.emplace_back(DeviceState{name, {}});
    if (!variant) {
      state.problem = "the front end does not accept the expression `score`";
      continue;
    }
    CompileOptions options;
    options.device = device;
    if (device.kind == Device::Kind::Model || device.kind == Device::Kind::Cuda) options.dtype = bf16;  // the Hopper kernel has no f32
    if (const auto kernel = engine.compile(*variant, options); !kernel) state.problem = kernel.error().error.message;
  }
  return states;
}

class DoctorVerb final : public Verb {
 public:
  explicit DoctorVerb(CLI::App& parent) {
    app = add_verb(parent, "doctor", "Say what this machine has and which devices work");
    add_switch(*app, "--json", json_, "Print as JSON");
    add_footer(*app, "Example:\n  flexc doctor");
  }

  int run() override {
    const BuildReport build = build_report();
    const CpuReport cpu = probe_cpu();
    const LibraryProbe nvrtc = probe_nvrtc();
    const DriverProbe driver = probe_cuda_driver();
    const CacheReport cache = probe_cache();
    const std::vector<DeviceState> devices = try_devices();
    if (json_) print_json(build, cpu, nvrtc, driver, cache, devices);
    else print_text(build, cpu, nvrtc, driver, cache, devices);
    return kExitDone;
  }

 private:
  static void print_json(const BuildReport& build, const CpuReport& cpu, const LibraryProbe& nvrtc, const DriverProbe& driver, const CacheReport& cache,
                         const std::vector<DeviceState>& devices) {
    const auto library = [](const LibraryProbe& probe) {
      return nlohmann::ordered_json{{"found", probe.found}, {"path", probe.path}, {"version", probe.version}, {"problem", probe.problem}};
    };
    nlohmann::ordered_json json = {{"version", build.version}, {"compiler", build.compiler}, {"build_type", build.build_type}};
    json["cpu"] = {{"model", cpu.model}, {"cores", cpu.cores}, {"features", cpu.features}, {"memory_bytes", cpu.memory_bytes}};
    json["nvrtc"] = library(nvrtc);
    json["driver"] = library(driver.library);
    json["gpus"] = driver.devices;
    json["cache"] = {{"directory", cache.directory}, {"problem", cache.problem}};
    for (const DeviceState& device : devices) json["devices"][std::string(device.name)] = {{"works", device.problem.empty()}, {"problem", device.problem}};
    print_result(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  static void print_text(const BuildReport& build, const CpuReport& cpu, const LibraryProbe& nvrtc, const DriverProbe& driver, const CacheReport& cache,
                         const std::vector<DeviceState>& devices) {
    const auto library = [](const LibraryProbe& probe) {
      const std::string found = probe.found ? fmt::format("{} at {}", probe.version.empty() ? "found" : probe.version, probe.path) : "";
      return probe.problem.empty() ? found : found.empty() ? probe.problem : fmt::format("{}; {}", found, probe.problem);
    };
    std::string text = fmt::format("{:<8}{} ({}, {})\n", "flexc", build.version, build.compiler, build.build_type);
    text += fmt::format("{:<8}{}; {} core{}; {}; {}\n", "cpu", cpu.model.empty() ? "unknown" : cpu.model, cpu.cores, cpu.cores == 1 ? "" : "s",
                        cpu.features.empty() ? "no vector features known" : fmt::format("{}", fmt::join(cpu.features, " ")), byte_text(cpu.memory_bytes));
    text += fmt::format("{:<8}{}\n", "nvrtc", library(nvrtc));
    text += fmt::format("{:<8}{}\n", "driver", library(driver.library));
    for (const std::string& gpu : driver.devices) text += fmt::format("{:<8}{}\n", "gpu", gpu);
    text += fmt::format("{:<8}{}\n", "cache", cache.directory.empty() ? cache.problem : cache.problem.empty() ? cache.directory : fmt::format("{}: unusable, {}", cache.directory, cache.problem));
    text += "\nwhat works here\n";
    for (const DeviceState& device : devices) text += fmt::format("  {:<8}{}\n", device.name, device.problem.empty() ? "yes" : fmt::format("no: {}", device.problem));
    print_result(text);
  }

  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> add_doctor_verb(CLI::App& parent) { return std::make_unique<DoctorVerb>(parent); }

}  // namespace flexc::cli
