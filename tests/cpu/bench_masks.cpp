// Times masks side by side over kept pairs:  bench_masks [HEADS LENGTH HEAD_DIM [ROUNDS [LIMIT]]]
// Compiled mods, block masks of the default refinement, f32, two pinned threads. Each round runs every mask once, in turn, so that a
// disturbed spell meets all of them; what is printed is each round's rate over the rate of causal in that round. With LIMIT the exit
// status says whether every median ratio is at least that.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "compiler/stages.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/io.h"
#include "flexc/random.h"
#include "runtime/loader/row_object.h"
#include "runtime/tile/classify.h"
#include "templates/cpu/attention.h"
#include "tools/machine/peak.h"
#include "tests/ir/normal_form_of.h"

using namespace flexc;

namespace {

constexpr int kThreads = 2, kWarmUps = 2;
constexpr std::int32_t kBlock = 128;

struct Mask {
  const char* name;
  const char* text;
};
constexpr Mask kMasks[] = {
    {"causal", "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n"},
    {"window 1024", "param window: i32 = 1024\ndef mask_mod(b, h, q_idx, kv_idx):\n    return (q_idx >= kv_idx) & (q_idx - kv_idx <= window)\n"},
    {"prefix 512", "param prefix: i32 = 512\ndef mask_mod(b, h, q_idx, kv_idx):\n    return (kv_idx < prefix) | (q_idx >= kv_idx)\n"},
    {"4 documents", "tensor doc: i32[n]\ndef mask_mod(b, h, q_idx, kv_idx):\n    return doc[q_idx] == doc[kv_idx]\n"},
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_masks: %s\n", what.c_str());
  std::exit(2);
}

struct Shape {
  std::int64_t heads = 8, length = 4096, width = 64;
  std::int64_t count() const { return heads * length * width; }
};

/// A mask with everything that running it takes.
class Runner {
 public:
  Runner(const Mask& mask, const Shape& shape, const std::vector<float>* inputs) : shape_(shape), inputs_(inputs), out_(static_cast<std::size_t>(shape.count())) {
    std::string error;
    const auto form = normal_form_of_text("mask.flex", mask.text, error);
    if (!form) fail(error);
    dsl::Environment environment;
    environment.problem = {1, shape.heads, shape.heads, shape.length, shape.length};
    for (const dsl::CaptureInfo& info : form->captures) {
      tensors_.emplace_back(info.dtype, std::vector<std::int64_t>{shape.length});
      for (std::int64_t i = 0; i < shape.length; ++i) tensors_.back().as<std::int32_t>()[i] = static_cast<std::int32_t>(4 * i / shape.length);
      environment.captures.push_back(tensors_.back().view());
    }
    for (const dsl::ParamInfo& info : form->params) environment.params.push_back({info.default_integer.value_or(0), 0});
    const auto fresh = dsl::bind_dims(*form, environment);
    if (!fresh) fail(fresh.error().message);
    fresh_ = *fresh;
    views_ = environment.captures;
    for (const TensorView& view : views_) captures_.push_back({view.data, view.shape.data(), view.strides.data()});
    for (const dsl::ParamValue& value : environment.params) params_.push_back({value.integer, value.real, 0, {}});
    const auto code = compiler::compile_row_member(*form, compiler::Member::Narrow);
    if (!code) fail(code.error().message);
    auto object = runtime::RowObject::load(code->object);
    if (!object) fail(object.error().message);
    object_.emplace(std::move(*object));

    const auto bytes = compiler::compile_tile_program(*form);
    if (!bytes) fail(bytes.error().message);
    const auto program = tile::deserialize(*bytes);
    tile::Launch launch;
    launch.captures = views_;
    for (const dsl::ParamValue& value : environment.params) launch.params.push_back({value.integer, value.real});
    launch.symbols = {1, shape.heads, shape.heads, shape.length, shape.length};
    launch.fresh_dims = fresh_;
    BlockMask frame;
    frame.batches = 1, frame.heads = shape.heads, frame.q_len = frame.kv_len = shape.length, frame.block_q = frame.block_kv = kBlock;
    auto built = tile::classify(*program, launch, frame);
    if (!built) fail(built.error().message);
    mask_ = std::move(*built);
    tile::ClassifyReport report;
    const auto exact = tile::classify(*program, launch, frame, {.refine = tile::Refine::Exact}, &report);
    if (!exact) fail(exact.error().message);
    kept_ = report.kept_pairs * (shape.heads / exact->heads);
  }

  double work() const { return 4.0 * static_cast<double>(kept_ * shape_.width) / 1e9; }

  /// Seconds of one call.
  double run(cpu::WorkerPool& pool) {
    const cpu::Strides strides{shape_.count(), shape_.length * shape_.width, shape_.width};
    cpu::AttentionArguments call;
    call.batch = 1, call.heads = call.kv_heads = shape_.heads;
    call.q_len = call.kv_len = shape_.length, call.head_dim = call.value_dim = shape_.width;
    call.q = {inputs_[0].data(), strides}, call.k = {inputs_[1].data(), strides}, call.v = {inputs_[2].data(), strides};
    call.out = {out_.data(), strides};
    call.scale = 0.125;
    call.module = &object_->module();
    call.captures = captures_.data(), call.params = params_.data(), call.fresh_dims = fresh_.data();
    call.mask = &mask_;
    const auto start = std::chrono::steady_clock::now();
    if (const auto done = cpu::run_attention(call, pool); !done) fail(done.error().message);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  Shape shape_;
  const std::vector<float>* inputs_;
  std::vector<float> out_;
  std::vector<Tensor> tensors_;
  std::vector<TensorView> views_;
  std::vector<std::int64_t> fresh_;
  std::vector<flexc_row_capture> captures_;
  std::vector<flexc_row_param> params_;
  std::optional<runtime::RowObject> object_;
  BlockMask mask_;
  std::int64_t kept_ = 0;
};

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

}  // namespace

int main(int count, char** words) {
  Shape shape;
  if (count > 3) shape = {std::atoll(words[1]), std::atoll(words[2]), std::atoll(words[3])};
  const int rounds = count > 4 ? std::atoi(words[4]) : 15;
  const double limit = count > 5 ? std::atof(words[5]) : 0;
  if (shape.heads < 1 || shape.length < 4 || shape.width < 1 || rounds < 1) fail("usage: bench_masks [HEADS LENGTH HEAD_DIM [ROUNDS [LIMIT]]]");
  std::vector<float> inputs[3];
  for (int i = 0; i < 3; ++i) {
    const CounterRandom random(3, i == 0 ? "q" : i == 1 ? "k" : "v");
    inputs[i].resize(static_cast<std::size_t>(shape.count()));
    for (std::size_t at = 0; at < inputs[i].size(); ++at) inputs[i][at] = static_cast<float>(random.normal(at));
  }
  std::vector<Runner> runners;
  runners.reserve(std::size(kMasks));
  for (const Mask& mask : kMasks) runners.emplace_back(mask, shape, inputs);
  cpu::WorkerPool pool(kThreads, cpu::Pinning::OneCpuEach);
  std::vector<std::vector<double>> rates(runners.size()), ratios(runners.size());
  std::vector<double> peaks;
  for (int i = 0; i < kWarmUps; ++i)
    for (Runner& runner : runners) runner.run(pool);
  for (int round = 0; round < rounds; ++round) {
    std::vector<double> peak(static_cast<std::size_t>(pool.size()));
    pool.run([&](int worker) { peak[static_cast<std::size_t>(worker)] = machine::measure_peak(0.005); });
    double sum = 0;
    for (const double rate : peak) sum += rate;
    peaks.push_back(sum);
    for (std::size_t i = 0; i < runners.size(); ++i) rates[i].push_back(runners[i].work() / runners[i].run(pool));
    for (std::size_t i = 0; i < runners.size(); ++i) ratios[i].push_back(rates[i].back() / rates[0].back());
  }
  std::printf("%lld heads, %lld x %lld, D %lld, f32, %d pinned threads, %d rounds, FMA peak %.0f GFLOP/s\n", static_cast<long long>(shape.heads),
              static_cast<long long>(shape.length), static_cast<long long>(shape.length), static_cast<long long>(shape.width), pool.size(), rounds, quantile(peaks, 0.5));
  std::string line;
  bool holds = true;
  for (std::size_t i = 0; i < runners.size(); ++i) {
    std::printf("%-12s %6.1f GFLOP/s over kept pairs (quartiles %.1f, %.1f; best %.1f)", kMasks[i].name, quantile(rates[i], 0.5), quantile(rates[i], 0.25), quantile(rates[i], 0.75),
                quantile(rates[i], 1));
    if (i == 0) {
      std::printf("\n");
      continue;
    }
    const double ratio = quantile(ratios[i], 0.5);
    std::printf(", %.3f of causal's in the same round (quartiles %.3f, %.3f)\n", ratio, quantile(ratios[i], 0.25), quantile(ratios[i], 0.75));
    char text[64];
    std::snprintf(text, sizeof text, "%s%s %.3f", i > 1 ? ", " : "", kMasks[i].name, ratio);
    line += text;
    holds = holds && ratio >= limit;
  }
  std::printf("median rate over causal's in the same round: %s\n", line.c_str());
  return holds ? 0 : 1;
}
