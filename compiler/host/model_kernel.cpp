#include "compiler/host/model_kernel.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numbers>
#include <utility>

#include <fmt/format.h>

#include "compiler/host/hook_params.h"
#include "compiler/host/host_compiler.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/tile_programs.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/io.h"
#include "runtime/cuda/device_templates.h"
#include "runtime/kernel/arguments.h"
#include "runtime/kernel/bindings.h"
#include "templates/hopper/tile.h"
#include "templates/model/forward_plan.h"
#include "templates/model/simulator.h"

namespace flexc {
namespace {

constexpr std::int64_t kMostLength = std::int64_t{1} << 30;
constexpr std::int64_t kMostHeadDim = 256;
constexpr std::uint32_t kBlocks = 2;  // CTAs: persistent ones share the work, so two show what sharing does

std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

struct TileShape {
  unsigned m, n;
};

/// Whole panels: what a tile has where a tensor has fewer columns comes as zeros from TMA, and is not stored.
std::int64_t padded(std::int64_t dim) { return (dim + device::kPanelColumns - 1) / device::kPanelColumns * device::kPanelColumns; }

/// By the wider of the padded head dims, so that S and O fit into the registers and the tiles into shared memory.
TileShape tile_for(std::int64_t head_dim, std::int64_t value_dim) {
  const std::int64_t widest = padded(std::max(head_dim, value_dim));
  return widest == 64 ? TileShape{192, 128} : widest == 128 ? TileShape{128, 128} : widest == 192 ? TileShape{128, 96} : TileShape{128, 64};
}

/// The unit that is compiled: mods, kernel, and three symbols for this side.
std::string main_source(const compiler::CudaHooks& hooks, DType dtype, std::int64_t head_dim, std::int64_t value_dim, TileShape tile) {
  return hooks.text + fmt::format(R"(
#include "templates/hopper/forward.cuh"

namespace {{
using Hooks = flexc::mods::Hooks;
struct Config : flexc::device::Tile<flexc::device::Element::{}, {}, {}, {}, {}, Hooks::kColumnWords> {{
  static constexpr flexc::device::ForwardOptions kOptions{{}};
}};
}}  // namespace

struct FlexcModelCall {{
  flexc_hopper_arguments arguments;
  const void* params;
}};

extern "C" const unsigned flexc_model_facts[] = {{Config::kThreads, Config::kSharedBytes, sizeof(Hooks::Params)}};
extern "C" void flexc_model_fill(void* params) {{ Hooks::fill_launch(*static_cast<Hooks::Params*>(params)); }}
extern "C" void flexc_model_thread(flexc::model::Machine* machine, void* call) {{
  flexc::model::machine = machine;
  // As a launch passes them: by value.
  const flexc_hopper_arguments arguments = static_cast<const FlexcModelCall*>(call)->arguments;
  const Hooks::Params params = *static_cast<const Hooks::Params*>(static_cast<const FlexcModelCall*>(call)->params);
  flexc::device::forward<Config, Hooks>(arguments, params);
}}
)",
                                  dtype == bf16 ? "kBf16" : "kF16", tile.m, tile.n, padded(head_dim), padded(value_dim));
}

struct ModelCall {
  flexc_hopper_arguments arguments;
  const void* params;
};

/// FLEXC_MODEL_SEED (a number, default 0) and FLEXC_MODEL_POLICY (earliest, latest or random, the default).
Result<model::LaunchOptions> options_from_environment() {
  model::LaunchOptions options;
  options.policy = model::Policy::Random;
  if (const char* text = std::getenv("FLEXC_MODEL_SEED")) {
    const char* const end = text + std::strlen(text);
    if (const auto [stop, error] = std::from_chars(text, end, options.seed); error != std::errc() || stop != end || stop == text)
      return failed(ErrorKind::Usage, fmt::format("FLEXC_MODEL_SEED is `{}`; it must be a number from 0 to 2^64 - 1", text));
  }
  if (const char* text = std::getenv("FLEXC_MODEL_POLICY")) {
    const std::string_view name = text;
    if (name == "earliest") options.policy = model::Policy::Earliest;
    else if (name == "latest") options.policy = model::Policy::Latest;
    else if (name != "random") return failed(ErrorKind::Usage, fmt::format("FLEXC_MODEL_POLICY is `{}`; it must be earliest, latest or random", name));
  }
  return options;
}

/// A dense copy [batch][heads][length][dim] of 2-byte elements, aligned as TMA wants it: rows begin at multiples of 16 bytes.
class DenseTensor {
 public:
  explicit DenseTensor(const TensorView& view, bool copy = true)
      : batch_(view.shape[0]), heads_(view.shape[1]), length_(view.shape[2]), dim_(view.shape[3]), pitch_((dim_ + 7) / 8 * 8), words_(static_cast<std::size_t>(batch_ * heads_ * length_ * pitch_) / 8 + 1) {
    if (!copy) return;
    for_rows([&](std::uint16_t* row, std::int64_t b, std::int64_t h, std::int64_t i) { std::memcpy(row, row_of(view, b, h, i), static_cast<std::size_t>(dim_) * 2); });
  }
  void copy_to(const TensorView& view) {
    for_rows([&](std::uint16_t* row, std::int64_t b, std::int64_t h, std::int64_t i) {
      if (view.dtype != f32) {
        std::memcpy(row_of(view, b, h, i), row, static_cast<std::size_t>(dim_) * 2);
      } else {
        // Widened; the dtype of the elements is the call's.
        float* to = static_cast<float*>(view.data) + b * view.strides[0] + h * view.strides[1] + i * view.strides[2];
        for (std::int64_t c = 0; c < dim_; ++c) to[c] = widen_(row[c]);
      }
    });
  }
  void set_widen(float (*widen)(std::uint16_t)) { widen_ = widen; }
  model::ForwardTensor tensor() { return {words_.data(), pitch_, pitch_ * length_, pitch_ * length_ * heads_}; }

 private:
  struct alignas(16) Chunk {
    std::uint16_t elements[8];
  };
  static std::uint16_t* row_of(const TensorView& view, std::int64_t b, std::int64_t h, std::int64_t i) {
    return static_cast<std::uint16_t*>(view.data) + b * view.strides[0] + h * view.strides[1] + i * view.strides[2];
  }
  template <class Visit>
  void for_rows(Visit visit) {
    auto* row = reinterpret_cast<std::uint16_t*>(words_.data());
    for (std::int64_t b = 0; b < batch_; ++b)
      for (std::int64_t h = 0; h < heads_; ++h)
        for (std::int64_t i = 0; i < length_; ++i, row += pitch_) visit(row, b, h, i);
  }
  std::int64_t batch_, heads_, length_, dim_, pitch_;
  std::vector<Chunk> words_;
  float (*widen_)(std::uint16_t) = nullptr;
};

class ModelKernel final : public Kernel {
 public:
  ModelKernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, compiler::CudaHooks hooks, std::shared_ptr<const LoadedObject> object,
              std::shared_ptr<runtime::MaskCache> masks)
      : form_(std::move(form)), masks_(form_, compiled_tile_program(form_), std::move(masks)), options_(std::move(options)), hooks_(std::move(hooks)), object_(std::move(object)) {}

  Device device() const override { return Device::model(); }

  Result<void> run(const RunArguments& arguments, void*) const override {
    const auto shape = check_arguments(arguments, options_);
    if (!shape) return std::unexpected(shape.error());
    if (auto status = check_features(arguments, *shape); !status) return status;
    const auto environment = bind(*form_, arguments.captures, shape->problem);
    if (!environment) return std::unexpected(environment.error());
    const auto fresh = dsl::bind_dims(*form_, *environment);
    if (!fresh) return std::unexpected(fresh.error());
    auto launch = options_from_environment();
    if (!launch) return std::unexpected(launch.error());
    if (shape->q_len == 0) return {};

    std::vector<std::uint64_t> params = pack_hook_params(hooks_, *form_, *environment, *fresh, shape->scale);
    const auto* facts = static_cast<const unsigned*>(object_->symbol("flexc_model_facts"));
    if (params.size() * sizeof(params[0]) != facts[2]) return failed(ErrorKind::Internal, fmt::format("device model: the packed params have {} bytes, the kernel takes {}", params.size() * sizeof(params[0]), facts[2]));
    reinterpret_cast<void (*)(void*)>(object_->symbol("flexc_model_fill"))(params.data());

    DenseTensor q(arguments.q), k(arguments.k), v(arguments.v), out(arguments.out, false);
    std::vector<float> lse(static_cast<std::size_t>(shape->batch * shape->heads * shape->q_len)), max_scores(lse.size());
    const std::vector<float> sink = dense_sink(arguments.sink);
    model::ForwardShape extents;
    extents.batch = static_cast<int>(shape->batch), extents.heads = static_cast<int>(shape->heads), extents.kv_heads = static_cast<int>(shape->kv_heads);
    extents.q_len = static_cast<int>(shape->q_len), extents.kv_len = static_cast<int>(shape->kv_len);
    extents.head_dim = static_cast<int>(shape->head_dim), extents.value_dim = static_cast<int>(shape->value_dim);
    extents.k_batched = arguments.k.shape[0] == shape->batch, extents.v_batched = arguments.v.shape[0] == shape->batch;
    const TileShape tile = tile_for(shape->head_dim, shape->value_dim);
    extents.tile_m = tile.m, extents.tile_n = tile.n;
    ModelCall call{model::plan_forward(extents, q.tensor(), k.tensor(), v.tensor(), out.tensor(), hooks_.has_band, 0), params.data()};
    call.arguments.q_offset = arguments.q_offset, call.arguments.kv_offset = arguments.kv_offset;
    call.arguments.scale_log2 = static_cast<float>(shape->scale * std::numbers::log2e);
    call.arguments.lse = lse.data();
    call.arguments.lse_head_stride = shape->q_len, call.arguments.lse_batch_stride = shape->q_len * shape->heads;
    call.arguments.sink = sink.empty() ? nullptr : sink.data();
    if (!arguments.max_scores.absent()) call.arguments.max_scores = max_scores.data();
    call.arguments.max_head_stride = call.arguments.lse_head_stride, call.arguments.max_batch_stride = call.arguments.lse_batch_stride;
    std::vector<unsigned> workspace(kFlexcWorkspaceHeader + call.arguments.items);
    call.arguments.workspace = workspace.data();

    launch->blocks = kBlocks;
    launch->threads = facts[0], launch->shared_bytes = facts[1];
    launch->most_steps = ~std::uint64_t{0};  // a long call is no error
    model::Simulator simulator;
    const auto result = simulator.launch(*launch, reinterpret_cast<model::KernelEntry>(object_->symbol("flexc_model_thread")), &call);
    if (!result.reports.empty()) {
      const model::Report& report = result.reports.front();
      return failed(ErrorKind::Internal, fmt::format("device model: {} (CTA {}, thread {}; seed {}, policy {}): {}", model::fault_name(report.fault), report.block,
                                                     report.thread, launch->seed, model::policy_name(launch->policy), report.text));
    }
    if (workspace[kFlexcWorkNonFinite] != 0) {
      return failed(ErrorKind::Input, "device model: the output has values that are not finite; telling NaN at removed pairs from the others needs a careful path, "
                                      "which the Hopper kernel does not have yet; use device cpu");
    }
    out.set_widen(options_.dtype == bf16 ? &bf16_to_float : &f16_to_float);
    out.copy_to(arguments.out);
    if (!arguments.lse.absent()) store_rows(lse, *shape, arguments.lse);
    if (!arguments.max_scores.absent()) store_rows(max_scores, *shape, arguments.max_scores);
    return {};
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    return masks_.build(shape, captures, report);
  }

 private:
  Result<void> check_features(const RunArguments& arguments, const CallShape& shape) const {
    if (arguments.checked) return failed(ErrorKind::Input, "device model: the Hopper kernel does not report gathers yet; use device cpu for --checked");
    if (shape.q_len > kMostLength || shape.kv_len > kMostLength) return failed(ErrorKind::Input, "device model: lengths are at most 2^30");
    // Only a scale that is positive and finite can be folded into the exponent.
    if (hooks_.score_class != compiler::ScoreClass::General && !(static_cast<float>(shape.scale) > 0 && std::isfinite(static_cast<float>(shape.scale))))
      return failed(ErrorKind::Input, "device model: the Hopper kernel takes a positive, finite scale for this variant; use device cpu");
    return {};
  }

  static std::vector<float> dense_sink(const TensorView& sink) {
    std::vector<float> values;
    if (!sink.absent())
      for (std::int64_t h = 0; h < sink.shape[0]; ++h) values.push_back(static_cast<const float*>(sink.data)[h * sink.strides[0]]);
    return values;
  }

  static void store_rows(const std::vector<float>& from, const CallShape& shape, const TensorView& to) {
    std::size_t source = 0;
    for (std::int64_t b = 0; b < shape.batch; ++b)
      for (std::int64_t h = 0; h < shape.heads; ++h)
        for (std::int64_t row = 0; row < shape.q_len; ++row)
          static_cast<float*>(to.data)[b * to.strides[0] + h * to.strides[1] + row * to.strides[2]] = from[source++];
  }

  std::shared_ptr<const dsl::NormalForm> form_;
  MaskBuilder masks_;
  CompileOptions options_;
  compiler::CudaHooks hooks_;
  std::shared_ptr<const LoadedObject> object_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_model_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<runtime::MaskCache> masks) {
  if (options.dtype != bf16 && options.dtype != f16)
    return failed(ErrorKind::Usage, fmt::format("device model: the Hopper kernel takes bf16 and f16, not {}; give --dtype bf16", name_of(options.dtype)));
  const std::int64_t value_dim = options.value_dim != 0 ? options.value_dim : options.head_dim;
  if (options.head_dim > kMostHeadDim || value_dim > kMostHeadDim)
    return failed(ErrorKind::Input, fmt::format("device model: the Hopper kernel has head dims up to {}, not {} and {}; use device cpu", kMostHeadDim, options.head_dim, value_dim));
  const auto functions = ir_functions();
  if (!functions) return std::unexpected(functions.error());
  auto hooks = (*functions)->emit_cuda_hooks(*form, {});
  if (!hooks) return std::unexpected(hooks.error());

  std::vector<SourceFile> files;
  for (const runtime::DeviceTemplate& each : runtime::device_templates()) {
    // The model's primitives stand in for the machine's.
    const bool primitives = each.name == "templates/hopper/primitives.cuh";
    files.push_back({std::string(each.name), primitives ? "#pragma once\n#include \"templates/model/primitives.h\"\n" : std::string(each.text)});
  }
  files.push_back({"kernel.cpp", main_source(*hooks, options.dtype, options.head_dim, value_dim, tile_for(options.head_dim, value_dim))});
  auto object = compile_and_load(files, "kernel.cpp");
  if (!object) return std::unexpected(object.error());
  for (const char* name : {"flexc_model_facts", "flexc_model_fill", "flexc_model_thread"})
    if ((*object)->symbol(name) == nullptr) return failed(ErrorKind::Internal, fmt::format("device model: the compiled kernel has no {}", name));
  return std::make_shared<ModelKernel>(std::move(form), std::move(options), std::move(*hooks), std::move(*object), std::move(masks));
}

}  // namespace flexc
