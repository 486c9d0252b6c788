#include "compiler/host/oracle_kernel.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include <fmt/format.h>

#include "compiler/host/arguments.h"
#include "compiler/host/bindings.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/io.h"

namespace flexc {
namespace {

std::unexpected<Error> input_error(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

bool reads(const dsl::Body& body, dsl::Op op) {
  return std::ranges::any_of(body.nodes, [op](const dsl::Node& node) { return node.op == op; });
}

/// Rounds a row-major f64 tensor once to `target`'s f16 or bf16.
void store_rounded(const Tensor& exact, const TensorView& target) {
  const std::int64_t rows = target.shape[2], columns = target.shape[3];
  const double* source = exact.as<double>();
  auto* base = static_cast<std::uint16_t*>(target.data);
  for (std::int64_t b = 0; b < target.shape[0]; ++b)
    for (std::int64_t h = 0; h < target.shape[1]; ++h)
      for (std::int64_t row = 0; row < rows; ++row) {
        std::uint16_t* out = base + b * target.strides[0] + h * target.strides[1] + row * target.strides[2];
        for (std::int64_t i = 0; i < columns; ++i, ++source) {
          const float value = round_to(target.dtype, *source);
          out[i] = target.dtype == f16 ? float_to_f16(value) : float_to_bf16(value);
        }
      }
}

Result<void> check_mask_shape(const MaskShape& shape) {
  if (shape.batch < 1 || shape.heads < 1) return input_error(fmt::format("a block mask needs at least one batch and one head; {} and {} were asked for", shape.batch, shape.heads));
  if (shape.q_len < 0 || shape.kv_len < 0) return input_error(fmt::format("a block mask cannot have the lengths {} and {}", shape.q_len, shape.kv_len));
  if (shape.kv_heads < 0 || (shape.kv_heads && shape.heads % shape.kv_heads != 0))
    return input_error(fmt::format("H = {} is not a multiple of HKV = {}", shape.heads, shape.kv_heads));
  if (shape.block_q < 1 || shape.block_kv < 1) return input_error(fmt::format("the block {} x {} is not possible; both sides must be at least 1", shape.block_q, shape.block_kv));
  const std::int64_t q_blocks = (shape.q_len - 1) / shape.block_q + 1, kv_blocks = (shape.kv_len - 1) / shape.block_kv + 1;
  std::int64_t tiles = 0;
  if (__builtin_mul_overflow(q_blocks, kv_blocks, &tiles) || __builtin_mul_overflow(tiles, shape.batch, &tiles) || __builtin_mul_overflow(tiles, shape.heads, &tiles) ||
      kv_blocks > std::numeric_limits<std::int32_t>::max())
    return input_error("the block mask has too many tiles; take larger blocks");
  return {};
}

class OracleKernel final : public Kernel {
 public:
  OracleKernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options) : form_(std::move(form)), options_(std::move(options)) {}

  Device device() const override { return Device::oracle(); }

  Result<void> run(const RunArguments& arguments, void*) const override {
    const auto shape = check_arguments(arguments, options_);
    if (!shape) return std::unexpected(shape.error());
    const auto environment = bind(*form_, arguments.captures, shape->problem);
    if (!environment) return std::unexpected(environment.error());

    dsl::AttentionCall call;
    call.q = arguments.q, call.k = arguments.k, call.v = arguments.v, call.out = arguments.out;
    call.lse = arguments.lse, call.max_scores = arguments.max_scores, call.sink = arguments.sink;
    call.scale = shape->scale;
    call.q_offset = arguments.q_offset, call.kv_offset = arguments.kv_offset;
    call.checked = arguments.checked;
    call.threads = arguments.threads ? arguments.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    call.progress = arguments.progress;
    // The interpreter writes f32 and f64; 16-bit outputs are rounded once, from f64.
    Tensor exact;
    const bool narrow = arguments.out.dtype != f32;
    if (narrow) {
      exact = Tensor(f64, arguments.out.shape);
      call.out = exact.view();
    }
    auto status = dsl::evaluate_attention(*form_, *environment, call);
    if (status && narrow) store_rounded(exact, arguments.out);
    return status;
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    if (auto status = check_mask_shape(shape); !status) return std::unexpected(status.error());
    const auto q_total = total_length("q", shape.q_offset, shape.q_len, shape.q_total);
    if (!q_total) return std::unexpected(q_total.error());
    const auto kv_total = total_length("kv", shape.kv_offset, shape.kv_len, shape.kv_total);
    if (!kv_total) return std::unexpected(kv_total.error());
    const std::int64_t kv_heads = shape.kv_heads ? shape.kv_heads : shape.heads;
    const auto environment = bind(*form_, captures, {shape.batch, shape.heads, kv_heads, *q_total, *kv_total});
    if (!environment) return std::unexpected(environment.error());
    const auto fresh = dsl::bind_dims(*form_, *environment);
    if (!fresh) return std::unexpected(fresh.error());

    const auto start = std::chrono::steady_clock::now();
    BlockMask frame;
    frame.q_len = shape.q_len, frame.kv_len = shape.kv_len;
    frame.q_offset = shape.q_offset, frame.kv_offset = shape.kv_offset;
    frame.block_q = shape.block_q, frame.block_kv = shape.block_kv;
    std::int64_t kept = 0;
    BlockMask mask;
    if (!form_->mask) {
      const auto tiles = static_cast<std::size_t>(frame.q_blocks() * frame.kv_blocks());
      mask = BlockMask::from_dense(frame, std::vector<std::uint8_t>(tiles, static_cast<std::uint8_t>(TileKind::Full)));
      kept = frame.q_len * frame.kv_len;
    } else {
      // A dimension that the mask does not read is stored once.
      if (reads(*form_->mask, dsl::Op::BatchIndex)) frame.batches = shape.batch;
      if (reads(*form_->mask, dsl::Op::HeadIndex)) frame.heads = shape.heads;
      dsl::Evaluator evaluator(*form_->mask, *form_, *environment, *fresh);
      mask = brute_force_block_mask(
          frame, [&](std::int64_t b, std::int64_t h, std::int64_t q_idx, std::int64_t kv_idx) { return evaluator.mask(b, h, q_idx, kv_idx); }, &kept);
    }
    if (report) {
      report->kept_pairs = kept;
      report->build_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    return mask;
  }

 private:
  std::shared_ptr<const dsl::NormalForm> form_;
  CompileOptions options_;
};

}  // namespace

std::shared_ptr<const Kernel> make_oracle_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options) {
  return std::make_shared<OracleKernel>(std::move(form), std::move(options));
}

}  // namespace flexc
