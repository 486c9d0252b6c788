// flexc_gpu_runner: runs a kit on a machine with a GPU. It needs libc and the CUDA driver, and nothing else.
//   runner probe | micro KIT | case KIT NAME | mask KIT NAME | bench KIT NAME B,H,HKV,Q,KV [REPEATS]
// Prints one JSON object a line. Exit status: 0 all is as expected, 1 something differs, 2 usage, 3 no GPU or no driver.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <numbers>
#include <sstream>

#include "flexc/io.h"
#include "flexc/random.h"
#include "runtime/cuda/driver.h"
#include "tools/gpu_kit/case_file.h"
#include "tools/gpu_kit/mask_case.h"
#include "tools/gpu_kit/micro_arguments.h"

namespace {

using namespace flexc;
using Json = nlohmann::ordered_json;

constexpr int kExitDiffers = 1, kExitUsage = 2, kExitEnvironment = 3, kExitBug = 70;
constexpr int kRepeats = 20, kWarmUps = 3;

[[noreturn]] void give_up(const Error& error) {
  std::cerr << "flexc_gpu_runner: " << error.message << "\n";
  std::exit(error.kind == ErrorKind::Environment ? kExitEnvironment : error.kind == ErrorKind::Internal ? kExitBug : kExitUsage);
}
template <class T>
T take(Result<T> result) {
  if (!result) give_up(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up({ErrorKind::Usage, path + " cannot be read"});
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}
std::span<const std::byte> bytes_of(const std::string& text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

struct Gpu {
  runtime::CudaDriver driver = take(runtime::CudaDriver::open());

  runtime::CudaAllocation copy(const void* data, std::size_t bytes) const {
    auto allocation = take(driver.allocate(bytes));
    take(driver.copy_in(allocation.address(), data, bytes));
    return allocation;
  }
  flexc_tensor_map map(const runtime::TensorMapRequest& request) const {
    take(runtime::check_tensor_map(request));
    const auto encoded = take(driver.encode(request));
    flexc_tensor_map bytes;
    std::memcpy(&bytes, &encoded, sizeof bytes);
    return bytes;
  }
};

template <class T>
T* pointer(const runtime::CudaAllocation& allocation) { return reinterpret_cast<T*>(allocation.address()); }

/// How many words differ, and where the first does.
Json compare_micro(const kit::MicroTest& test, const std::vector<unsigned>& out, const std::vector<unsigned char>& c, const std::string& expected) {
  std::size_t different = 0, first = 0;
  const auto differs = [&](std::size_t i) {
    unsigned want = 0;
    std::memcpy(&want, expected.data() + i * sizeof want, sizeof want);
    if (!test.approximate || want == out[i]) return want != out[i];
    const double a = std::bit_cast<float>(want), b = std::bit_cast<float>(out[i]);
    return !(std::fabs(a - b) <= kit::kUnitError * std::fabs(a));
  };
  for (std::size_t i = 0; i < out.size(); ++i)
    if (differs(i) && different++ == 0) first = i;
  const bool stores_differ = std::memcmp(expected.data() + out.size() * sizeof out[0], c.data(), c.size()) != 0;
  Json json = {{"micro", test.kernel}, {"ok", different == 0 && !stores_differ}, {"words_that_differ", different}, {"stored_tensor_differs", stores_differ}};
  if (different > 0) json["first"] = first;
  return json;
}

int run_micro(const Gpu& gpu, const std::string& kit) {
  const std::string cubin = read(kit + "/cubins/micro.cubin");
  bool all = true;
  for (const kit::MicroTest& test : kit::kMicroTests) {
    const auto module = take(gpu.driver.load(bytes_of(cubin), test.kernel, kit::kMicroSharedBytes));
    const auto words = kit::micro_words();
    const auto tensor = [&](int rows, unsigned salt) {
      const auto values = kit::micro_tensor(rows, salt);
      return gpu.copy(values.data(), values.size() * sizeof values[0]);
    };
    const auto in = gpu.copy(words.data(), words.size() * sizeof words[0]);
    const auto a = tensor(kit::kMicroARows, 1), b = tensor(kit::kMicroBRows, 2), c = tensor(kit::kMicroARows, 3);
    std::vector<unsigned> out(kit::kMicroOutWords);
    const auto out_memory = gpu.copy(out.data(), out.size() * sizeof out[0]);
    kit::MicroArguments arguments{gpu.map(kit::micro_map(pointer<void>(a), kit::kMicroARows)), gpu.map(kit::micro_map(pointer<void>(b), kit::kMicroBRows)),
                                  gpu.map(kit::micro_map(pointer<void>(c), kit::kMicroARows)), pointer<unsigned>(in), pointer<unsigned>(out_memory)};
    void* pointers[] = {&arguments};
    take(module.launch({1, test.threads, kit::kMicroSharedBytes, pointers, nullptr}));
    take(gpu.driver.synchronize(nullptr));
    std::vector<unsigned char> stored(c.bytes());
    take(gpu.driver.copy_out(out.data(), out_memory.address(), out.size() * sizeof out[0]));
    take(gpu.driver.copy_out(stored.data(), c.address(), stored.size()));
    const Json line = compare_micro(test, out, stored, read(kit + "/expected/" + test.kernel + ".bin"));
    std::cout << line.dump() << std::endl;
    all = all && line["ok"].get<bool>();
  }
  return all ? 0 : kExitDiffers;
}

/// A case's tensors on the GPU, and its arguments. Not copyable: the arguments point into it.
struct Prepared {
  kit::Case what;
  runtime::CudaModule module;
  std::vector<runtime::CudaAllocation> memory;
  flexc_hopper_arguments arguments;
  std::vector<std::uint64_t> params;
  std::uint64_t out = 0, lse = 0, out_bytes = 0, lse_bytes = 0;
};

/// `shape` takes the place of the case's B, H, HKV, Q, KV; captures are the case's own, so it must fit them.
Prepared prepare(const Gpu& gpu, const std::string& kit, const std::string& name, const std::vector<std::int64_t>& shape) {
  Prepared p;
  p.what = take(kit::case_from_json(Json::parse(read(kit + "/cases/" + name + ".json"), nullptr, false)));
  if (!shape.empty()) std::copy_n(shape.begin(), 5, p.what.shape.begin());
  const auto& s = p.what.shape;
  const DType dtype = p.what.member.tile.element == device::Element::kBf16 ? bf16 : f16;
  const std::string cubin = read(kit + "/" + p.what.cubin);
  p.module = take(gpu.driver.load(bytes_of(cubin), runtime::kHopperKernel, p.what.member.dynamic_smem_bytes));
  const auto keep = [&](runtime::CudaAllocation allocation) { return p.memory.emplace_back(std::move(allocation)).address(); };
  const auto tensor = [&](const char* which, std::vector<std::int64_t> extents) {
    Tensor host(dtype, std::move(extents));
    fill_normal(host.view(), p.what.seed, which);
    return keep(gpu.copy(host.data(), host.byte_count()));
  };
  const auto forward = [](std::uint64_t address, std::int64_t heads, std::int64_t length, std::int64_t dim) {
    return runtime::ForwardTensor{reinterpret_cast<void*>(address), dim, dim * length, dim * length * heads};
  };
  const std::uint64_t q = tensor("q", {s[0], s[1], s[3], s[5]}), k = tensor("k", {s[0], s[2], s[4], s[5]}), v = tensor("v", {s[0], s[2], s[4], s[6]});
  p.out_bytes = static_cast<std::uint64_t>(s[0] * s[1] * s[3] * s[6]) * 2, p.lse_bytes = static_cast<std::uint64_t>(s[0] * s[1] * s[3]) * 4;
  p.out = keep(take(gpu.driver.allocate(p.out_bytes))), p.lse = keep(take(gpu.driver.allocate(p.lse_bytes)));

  runtime::ForwardShape extents;
  const auto narrow = [](std::int64_t extent) { return static_cast<int>(extent); };
  extents.batch = narrow(s[0]), extents.heads = narrow(s[1]), extents.kv_heads = narrow(s[2]), extents.q_len = narrow(s[3]), extents.kv_len = narrow(s[4]);
  extents.head_dim = narrow(s[5]), extents.value_dim = narrow(s[6]);
  extents.tile_m = p.what.member.tile.m, extents.tile_n = p.what.member.tile.n, extents.element = p.what.member.tile.element;
  auto plan = runtime::plan_forward(extents, forward(q, s[1], s[3], s[5]), forward(k, s[2], s[4], s[5]), forward(v, s[2], s[4], s[6]), forward(p.out, s[1], s[3], s[6]),
                                    p.what.member.has_band, runtime::heads_of_a_group(extents, gpu.driver.l2_bytes()));
  p.arguments = plan.arguments;
  p.arguments.q_map = gpu.map(plan.q), p.arguments.k_map = gpu.map(plan.k), p.arguments.v_map = gpu.map(plan.v), p.arguments.out_map = gpu.map(plan.out);
  p.arguments.scale_log2 = static_cast<float>(p.what.scale * std::numbers::log2e);
  p.arguments.lse = reinterpret_cast<float*>(p.lse);
  p.arguments.lse_head_stride = s[3], p.arguments.lse_batch_stride = s[3] * s[1];
  p.arguments.workspace = reinterpret_cast<unsigned*>(keep(take(gpu.driver.allocate(runtime::workspace_words(p.arguments) * 4))));

  std::vector<TensorView> captures;
  for (const kit::CaseCapture& capture : p.what.captures) {
    std::uint64_t address = 0;
    if (!capture.file.empty()) {
      const std::string raw = read(kit + "/" + capture.file);
      address = keep(gpu.copy(raw.data(), raw.size()));
    }
    captures.emplace_back(reinterpret_cast<void*>(address), capture.dtype, capture.shape, std::vector<std::int64_t>{}, MemoryKind::Cuda);
  }
  runtime::HookCall call;
  call.symbols = {s[0], s[1], s[2], s[3], s[4]};
  call.captures = captures, call.params = p.what.params, call.fresh_dims = p.what.fresh_dims;
  call.scale = p.what.scale;
  p.params = take(runtime::pack_hook_params(p.what.member.params, p.what.member.launch, call));
  return p;
}

Result<void> launch(const Gpu& gpu, Prepared& p) {
  if (auto status = gpu.driver.zero_words_on(nullptr, reinterpret_cast<std::uint64_t>(p.arguments.workspace), runtime::workspace_words(p.arguments)); !status) return status;
  void* pointers[] = {&p.arguments, p.params.data()};
  const unsigned blocks = std::min(p.arguments.items, static_cast<unsigned>(gpu.driver.multiprocessors()));
  return p.module.launch({blocks, p.what.member.threads, p.what.member.dynamic_smem_bytes, pointers, nullptr});
}

int run_case(const Gpu& gpu, const std::string& kit, const std::string& name) {
  Prepared p = prepare(gpu, kit, name, {});
  std::vector<std::uint16_t> out(p.out_bytes / 2), again(out.size());
  std::vector<float> lse(p.lse_bytes / 4);
  for (auto* into : {&out, &again}) {
    take(launch(gpu, p));
    take(gpu.driver.synchronize(nullptr));
    take(gpu.driver.copy_out(into->data(), p.out, p.out_bytes));
  }
  take(gpu.driver.copy_out(lse.data(), p.lse, p.lse_bytes));
  const std::string expected = read(kit + "/" + p.what.expected_out), expected_lse = read(kit + "/" + p.what.expected_lse);
  if (expected.size() != out.size() * 4 || expected_lse.size() != lse.size() * 4) give_up({ErrorKind::Input, name + ": the expected outputs have another size"});
  const auto value = [](const std::string& raw, std::size_t i) {
    float x = 0;
    std::memcpy(&x, raw.data() + i * sizeof x, sizeof x);
    return static_cast<double>(x);
  };
  double largest = 0, sum = 0, lse_error = 0;
  std::size_t special = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double got = p.what.member.tile.element == device::Element::kBf16 ? bf16_to_float(out[i]) : f16_to_float(out[i]), want = value(expected, i);
    if (!std::isfinite(got) || !std::isfinite(want)) {
      special += !(got == want || (std::isnan(got) && std::isnan(want)));
      continue;
    }
    largest = std::max(largest, std::fabs(got - want)), sum += std::fabs(got - want);
  }
  for (std::size_t i = 0; i < lse.size(); ++i) {
    const double want = value(expected_lse, i);
    if (std::isfinite(want) && std::isfinite(lse[i])) lse_error = std::max(lse_error, std::fabs(lse[i] - want) / std::max(1.0, std::fabs(want)));
    else special += !(lse[i] == want);
  }
  const double mean = sum / static_cast<double>(out.size());
  const bool same_bits = out == again;
  const bool ok = special == 0 && largest <= p.what.most_error && mean <= p.what.most_mean_error && lse_error <= p.what.most_lse_error && same_bits;
  const Json line = {{"case", name},          {"ok", ok},           {"error", largest}, {"limit", p.what.most_error}, {"mean_error", mean}, {"mean_limit", p.what.most_mean_error},
                     {"lse_error", lse_error}, {"special_values_that_differ", special}, {"two_runs_equal", same_bits}};
  std::cout << line.dump() << std::endl;
  return ok ? 0 : kExitDiffers;
}

int run_bench(const Gpu& gpu, const std::string& kit, const std::string& name, const std::vector<std::int64_t>& shape, int repeats) {
  Prepared p = prepare(gpu, kit, name, shape);
  for (int i = 0; i < kWarmUps; ++i) take(launch(gpu, p));
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) times.push_back(take(gpu.driver.timed(nullptr, [&] { return launch(gpu, p); })));
  std::ranges::sort(times);
  const Json line = {{"bench", p.what.variant}, {"who", "flexc"}, {"shape", p.what.shape}, {"dtype", "bf16"}, {"median_ms", times[times.size() / 2]}, {"min_ms", times.front()},
                     {"repeats", repeats},      {"gpu", gpu.driver.name()}, {"driver", gpu.driver.version()}};
  std::cout << line.dump() << std::endl;
  return 0;
}

std::vector<std::int64_t> numbers(const std::string& list) {
  std::vector<std::int64_t> values;
  std::stringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) values.push_back(std::strtoll(part.c_str(), nullptr, 10));
  return values;
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> arguments(words + 1, words + count);
  const std::string verb = arguments.empty() ? "" : arguments[0];
  const bool known = (verb == "probe" && count == 2) || (verb == "micro" && count == 3) || ((verb == "case" || verb == "mask") && count == 4) || (verb == "bench" && (count == 5 || count == 6));
  if (!known) {
    std::cerr << "usage: flexc_gpu_runner probe | micro KIT | case KIT NAME | mask KIT NAME | bench KIT NAME B,H,HKV,Q,KV [REPEATS]\n";
    return kExitUsage;
  }
  const Gpu gpu;
  if (verb == "micro") return run_micro(gpu, arguments[1]);
  if (verb == "case") return run_case(gpu, arguments[1], arguments[2]);
  if (verb == "mask") return take(kit::run_mask(gpu.driver, arguments[1], arguments[2])) ? 0 : kExitDiffers;
  if (verb == "bench") {
    const auto shape = numbers(arguments[3]);
    if (shape.size() != 5) give_up({ErrorKind::Usage, "a shape is B,H,HKV,Q,KV"});
    return run_bench(gpu, arguments[1], arguments[2], shape, count == 6 ? std::max(1, std::atoi(arguments[4].c_str())) : kRepeats);
  }
  const Json line = {{"gpu", gpu.driver.name()}, {"driver", gpu.driver.version()}, {"multiprocessors", gpu.driver.multiprocessors()}};
  std::cout << line.dump() << std::endl;
  return 0;
}
