// Attention forward on the CPU: what a host passes to the tiled kernel. The meaning is DESIGN.md's, section 4; the mods come as a
// flexc_row_module (row_segment.h). This part knows neither the language nor MLIR.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flexc/block_mask.h"
#include "flexc/dtype.h"
#include "flexc/error.h"
#include "templates/cpu/row_segment.h"
#include "templates/cpu/worker_pool.h"

namespace flexc::cpu {

/// Steps in elements between neighbouring batches, heads and rows. A step of 0 repeats: a batch step of 0 broadcasts K or V.
struct Strides {
  std::int64_t batch = 0, head = 0, row = 0;
};

/// A [batch, heads, rows, width] tensor whose last dimension is contiguous.
struct Input {
  const void* data = nullptr;
  Strides strides;
};
struct Output {
  void* data = nullptr;
  Strides strides;
};
/// An f32 value a row, [batch, heads, rows]; absent where `data` is null.
struct RowOutput {
  float* data = nullptr;
  Strides strides;
};

/// One call. q [batch, heads, q_len, head_dim], k [batch, kv_heads, kv_len, head_dim], v [batch, kv_heads, kv_len, value_dim],
/// out [batch, heads, q_len, value_dim].
struct AttentionArguments {
  DType dtype = DType::F32;  ///< of q, k, v and out: f32, f16 or bf16
  std::int64_t batch = 0, heads = 0, kv_heads = 0;
  std::int64_t q_len = 0, kv_len = 0;
  std::int64_t head_dim = 0, value_dim = 0;
  Input q, k, v;
  Output out;

  double scale = 0;                          ///< already resolved
  std::int64_t q_offset = 0, kv_offset = 0;  ///< positions of the first row and column
  std::int64_t q_step = 1, kv_step = 1;      ///< from one row's position to the next one's, at least 1
  std::int64_t q_total = 0, kv_total = 0;    ///< Q and KV as the mods see them; 0: the last position + 1
  PositionMap q_positions() const { return {q_offset, q_step}; }
  PositionMap kv_positions() const { return {kv_offset, kv_step}; }

  RowOutput lse;                ///< natural logarithm, of the modified scores, with the sink
  RowOutput max_scores;         ///< the largest kept modified score, without the sink
  const float* sink = nullptr;  ///< [heads], natural units; or null
  std::int64_t sink_stride = 1;

  const flexc_row_module* module = nullptr;  ///< null: identity score, every pair kept
  const flexc_row_capture* captures = nullptr;
  const flexc_row_param* params = nullptr;
  const std::int64_t* fresh_dims = nullptr;

  /// Which tiles may be skipped and which need no mask, for the same lengths and positions; or null. It changes no bit of the result.
  const BlockMask* mask = nullptr;
  /// Pieces that the keys are cut into, in whole tiles by position; 0: as many as the shape suggests.
  std::int64_t split = 0;
  /// Name of an instruction set from kernel_targets(); empty takes $FLEXC_CPU_TARGET, or the best one.
  std::string target;
};

/// The instruction sets that were compiled in and that this machine has, the best first.
std::vector<std::string> kernel_targets();

/// How many of `threads` (at least 1) a call is worth: one where it is done before another one is awake. Arguments need not be those that run_attention takes; what a mask leaves out is not
/// looked at.
int useful_threads(const AttentionArguments& arguments, int threads);

/// Computes the call on the pool's threads, whose number changes no bit. Errors: Internal for arguments that do not fit each other
/// (nothing is written then), Environment where memory is missing.
Result<void> run_attention(const AttentionArguments& arguments, WorkerPool& pool);

}  // namespace flexc::cpu
