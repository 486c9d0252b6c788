#include "tests/cuda/fake/launch.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/cuda/hopper_member.h"
#include "templates/model/fixed_kernels.h"
#include "templates/model/simulator.h"
#include "templates/simt/arguments.h"
#include "tests/cuda/fake/launch_checks.h"

namespace fake_cuda {
namespace {

int run_model(void* entry, void* call, unsigned blocks, unsigned threads, unsigned smem) {
  flexc::model::LaunchOptions options;
  options.blocks = blocks, options.threads = threads, options.shared_bytes = smem;
  options.most_steps = ~std::uint64_t{0};
  flexc::model::Simulator simulator;
  const auto result = simulator.launch(options, reinterpret_cast<flexc::model::KernelEntry>(entry), call);
  if (result.reports.empty()) return 0;
  return refuse("the host model: " + result.reports.front().text, kLaunchFailed);
}

}  // namespace

int launch(const Function& function, unsigned blocks, unsigned threads, unsigned smem, void** arguments) {
  const std::vector<unsigned>& sizes = function.module->parameters;
  void* const model = function.module->model;
  if (sizes.size() == 1) {  // one of the micro-tests, or a kernel of block masks
    const auto known = driver().entries.find(function.name);
    // Those that belong to a launch run where the launch runs.
    const bool computes = model != nullptr || driver().kernel != nullptr;
    void* const fixed = !computes                                 ? nullptr
                        : function.name == "flexc_combine_splits" ? reinterpret_cast<void*>(&flexc::model::enter_combine)
                        : function.name == "flexc_copy_tensor"    ? reinterpret_cast<void*>(&flexc::model::enter_copy)
                                                                   : nullptr;
    void* const entry = known != driver().entries.end() ? reinterpret_cast<void*>(known->second)
                        : fixed != nullptr             ? fixed
                        : model != nullptr             ? dlsym(model, ("flexc_model_entry_" + function.name).c_str())
                                                       : nullptr;
    std::vector<flexc_tensor_map> call((sizes[0] + sizeof(flexc_tensor_map) - 1) / sizeof(flexc_tensor_map));
    std::memcpy(call.data(), arguments[0], sizes[0]);
    constexpr unsigned kHelperBlocks = 2;  // each goes on to further rows
    return entry != nullptr ? run_model(entry, call.data(), entry == fixed ? std::min(blocks, kHelperBlocks) : blocks, threads, smem) : 0;
  }
  const bool is_simt = function.name == flexc::runtime::kSimtKernel;
  if (sizes.size() != 2 || sizes[0] != (is_simt ? sizeof(flexc_simt_arguments) : sizeof(flexc_hopper_arguments))) return refuse("cuLaunchKernel: the kernel takes other parameters");
  // As the driver does it: as many bytes as the machine code says, whatever the pointers point at.
  flexc_simt_arguments copied{};
  std::memcpy(&copied, arguments[0], sizes[0]);
  std::vector<std::uint64_t> params(sizes[1] / 8);
  std::memcpy(params.data(), arguments[1], sizes[1]);
  if (const int status = check_arguments(copied.call, blocks, is_simt)) return status;
  if (is_simt && (copied.q_step < 1 || copied.kv_step < 1)) return refuse("cuLaunchKernel: steps below 1");
  const auto known = driver().entries.find(function.name);
  void* const entry = model != nullptr                   ? dlsym(model, "flexc_model_thread")
                      : known != driver().entries.end() ? reinterpret_cast<void*>(known->second)
                      : is_simt                         ? nullptr
                                                        : reinterpret_cast<void*>(driver().kernel);
  struct {
    flexc_hopper_arguments arguments;
    const void* params;
  } call{copied.call, params.data()};
  struct {
    flexc_simt_arguments arguments;
    const void* params;
  } simt_call{copied, params.data()};
  constexpr unsigned kBlocks = 2;  // two show what sharing the work does
  void* const argument = is_simt ? static_cast<void*>(&simt_call) : &call;
  return entry != nullptr ? run_model(entry, argument, std::min(blocks, kBlocks), threads, smem) : 0;
}

}  // namespace fake_cuda
