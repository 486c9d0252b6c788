#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "flexc/engine.h"
#include "tools/gpu_kit/verbs.h"

namespace flexc::kit {
namespace {

std::unexpected<Error> failed(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

/// Raw elements of a file of the kit.
Result<Tensor> load_raw(const std::string& path, DType dtype, const std::vector<std::int64_t>& shape) {
  const auto raw = read_file(path);
  if (!raw) return std::unexpected(raw.error());
  Tensor tensor(dtype, shape);
  if (raw->size() != tensor.byte_count()) return failed(path + " has another size than its case");
  std::memcpy(tensor.data(), raw->data(), raw->size());
  return tensor;
}

std::size_t words_that_differ(const Tensor& a, const Tensor& b) {
  const auto* left = a.as<std::uint16_t>();
  const auto* right = b.as<std::uint16_t>();
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.byte_count() / 2; ++i) count += left[i] != right[i];
  return count;
}

/// Without a block mask, again, and with one. The first call's outputs are left in `host`.
Result<std::array<std::size_t, 2>> run_on_gpu(const Kernel& kernel, HostCall& host) {
  const auto memory = CudaMemory::open();
  if (!memory) return std::unexpected(memory.error());
  const Extents& e = host.extents;
  const MaskShape shape{.batch = e.batch, .heads = e.heads, .q_len = e.q_len, .kv_len = e.kv_len, .kv_heads = e.kv_heads, .q_offset = e.q_offset, .kv_offset = e.kv_offset,
                        .q_step = e.q_step, .kv_step = e.kv_step, .cached = false};
  const auto mask = kernel.block_mask(shape, host.arguments.captures);
  if (!mask) return std::unexpected(mask.error());
  std::array<std::size_t, 2> differ{};
  Tensor first(host.out.view().dtype, host.out.view().shape), again(host.out.view().dtype, host.out.view().shape), lse(f32, host.lse.view().shape);
  // Each turn's outputs begin as NaN, so that a row which it does not write is not an earlier turn's.
  std::memset(host.out.data(), 0xff, host.out.byte_count()), std::memset(host.lse.data(), 0xff, host.lse.byte_count());
  for (int turn = 0; turn < 3; ++turn) {
    auto call = GpuCall::copy(*memory, host, kernel, turn == 2 ? &*mask : nullptr);
    if (!call) return std::unexpected(call.error());
    if (auto status = kernel.run(call->arguments); !status) return std::unexpected(status.error());
    const Tensor& into = turn == 0 ? first : again;
    if (auto status = memory->copy_back(call->out, into.view()); !status) return std::unexpected(status.error());
    if (turn == 0)
      if (auto status = memory->copy_back(call->lse, lse.view()); !status) return std::unexpected(status.error());
    if (turn > 0) differ[static_cast<std::size_t>(turn - 1)] = words_that_differ(first, again);
  }
  std::memcpy(host.out.data(), first.data(), first.byte_count()), std::memcpy(host.lse.data(), lse.data(), lse.byte_count());
  return differ;
}

}  // namespace

void say(const Json& line) { std::cout << line.dump() << std::endl; }

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed(path + " cannot be read");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<Bundle> open_bundle(const std::string& kit, const std::string& bundle) {
  const Engine engine({.disk_cache = false});
  return engine.load_bundle(kit + "/" + bundle);
}

Result<Case> open_case(const std::string& kit, const std::string& name) {
  const auto text = read_file(kit + "/cases/" + name + ".json");
  if (!text) return std::unexpected(text.error());
  return case_from_json(Json::parse(*text, nullptr, false));
}

Result<bool> run_case(const std::string& kit, const std::string& name, Device device) {
  const auto what = open_case(kit, name);
  if (!what) return std::unexpected(what.error());
  const auto bundle = open_bundle(kit, what->bundle);
  if (!bundle) return std::unexpected(bundle.error());
  const auto variant = described(*bundle, what->variant);
  if (!variant) return std::unexpected(variant.error());
  const auto kernel = bundle->kernel(what->variant, {.dtype = what->dtype, .head_dim = what->extents.head_dim, .device = device});
  if (!kernel) return std::unexpected(kernel.error());
  auto host = HostCall::make(*variant, what->dtype, what->extents, what->seed);
  if (!host) return std::unexpected(host.error());
  const auto expected = load_raw(kit + "/" + what->expected_out, f32, host->out.view().shape), expected_lse = load_raw(kit + "/" + what->expected_lse, f32, host->lse.view().shape);
  if (!expected || !expected_lse) return std::unexpected(!expected ? expected.error() : expected_lse.error());

  std::array<std::size_t, 2> differ{};
  if (device.kind == Device::Kind::Cuda) {
    const auto found = run_on_gpu(**kernel, *host);
    if (!found) return std::unexpected(found.error());
    differ = *found;
  } else if (auto status = (*kernel)->run(host->arguments); !status) {
    return std::unexpected(status.error());
  }
  const Verdict verdict = judge(host->out.view(), host->lse.view(), expected->view(), expected_lse->view(), what->limits);
  const bool ok = verdict.ok && differ[0] == 0 && differ[1] == 0;
  Json line = {{"case", name},
               {"device", name_of(device)},
               {"ok", ok},
               {"error", verdict.error},
               {"limit", what->limits.error},
               {"mean_error", verdict.mean_error},
               {"mean_limit", what->limits.mean_error},
               {"lse_error", verdict.lse_error},
               {"special_values_that_differ", verdict.special}};
  if (device.kind == Device::Kind::Cuda) {
    line["words_unlike_first_run"] = differ[0], line["words_unlike_with_block_mask"] = differ[1];
    if (!what->model_out.empty()) {
      const auto model = load_raw(kit + "/" + what->model_out, what->dtype, host->out.view().shape);
      if (!model) return std::unexpected(model.error());
      line["words_unlike_host_model"] = words_that_differ(host->out, *model);
    }
  }
  say(line);
  return ok;
}

Result<bool> list_libraries(const std::string& kit, const std::string& name) {
  const auto ran = run_case(kit, name, Device::cpu());
  if (!ran) return ran;
  std::set<std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (const auto at = line.find('/'); at != std::string::npos && line.find(".so", at) != std::string::npos) found.insert(line.substr(at));
  say({{"libraries", found}});
  return *ran;
}

}  // namespace flexc::kit
