#include "compiler/host/block_masks.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <fmt/format.h>

#include "compiler/host/arguments.h"
#include "compiler/host/bindings.h"
#include "flexc/dsl/evaluate.h"

namespace flexc {
namespace {

std::unexpected<Error> input_error(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

bool reads(const dsl::Body& body, dsl::Op op) {
  return std::ranges::any_of(body.nodes, [op](const dsl::Node& node) { return node.op == op; });
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

}  // namespace

Result<BlockMask> build_block_mask(const dsl::NormalForm& form, const MaskShape& shape, const Captures& captures, MaskReport* report) {
  if (auto status = check_mask_shape(shape); !status) return std::unexpected(status.error());
  const auto q_total = total_length("q", shape.q_offset, shape.q_len, shape.q_total);
  if (!q_total) return std::unexpected(q_total.error());
  const auto kv_total = total_length("kv", shape.kv_offset, shape.kv_len, shape.kv_total);
  if (!kv_total) return std::unexpected(kv_total.error());
  const std::int64_t kv_heads = shape.kv_heads ? shape.kv_heads : shape.heads;
  const auto environment = bind(form, captures, {shape.batch, shape.heads, kv_heads, *q_total, *kv_total});
  if (!environment) return std::unexpected(environment.error());
  const auto fresh = dsl::bind_dims(form, *environment);
  if (!fresh) return std::unexpected(fresh.error());

  const auto start = std::chrono::steady_clock::now();
  BlockMask frame;
  frame.q_len = shape.q_len, frame.kv_len = shape.kv_len;
  frame.q_offset = shape.q_offset, frame.kv_offset = shape.kv_offset;
  frame.block_q = shape.block_q, frame.block_kv = shape.block_kv;
  std::int64_t kept = 0;
  BlockMask mask;
  if (!form.mask) {
    const auto tiles = static_cast<std::size_t>(frame.q_blocks() * frame.kv_blocks());
    mask = BlockMask::from_dense(frame, std::vector<std::uint8_t>(tiles, static_cast<std::uint8_t>(TileKind::Full)));
    kept = frame.q_len * frame.kv_len;
  } else {
    // A dimension that the mask does not read is stored once.
    if (reads(*form.mask, dsl::Op::BatchIndex)) frame.batches = shape.batch;
    if (reads(*form.mask, dsl::Op::HeadIndex)) frame.heads = shape.heads;
    dsl::Evaluator evaluator(*form.mask, form, *environment, *fresh);
    mask = brute_force_block_mask(
        frame, [&](std::int64_t b, std::int64_t h, std::int64_t q_idx, std::int64_t kv_idx) { return evaluator.mask(b, h, q_idx, kv_idx); }, &kept);
  }
  if (report) {
    report->kept_pairs = kept;
    report->build_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return mask;
}

}  // namespace flexc
