// The oracle: a plain float64 interpreter of the normal form, and dense attention on top of it.
// Every back end is judged by it, so it stays simple: no optimisation touches it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "flexc/dsl/normal_form.h"
#include "flexc/error.h"
#include "flexc/tensor.h"
#include "flexc/runtime/bind_dims.h"

namespace flexc::dsl {

using runtime::bind_dims;
using runtime::Environment;
using runtime::ParamValue;
using runtime::Problem;

/// An out-of-range gather, recorded in checked mode.
struct GatherFault {
  std::size_t capture = 0;
  std::size_t axis = 0;
  std::int64_t index = 0;
};

/// Evaluates one mod at single pairs. Not thread-safe: one evaluator a thread. Borrows everything it is given, which
/// bind_dims must have accepted.
class Evaluator {
 public:
  Evaluator(const Body& body, const NormalForm& form, const Environment& environment, std::span<const std::int64_t> fresh_sizes);
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  /// The modified score in f64 (f32 where the strict cone says so). `score` is the scaled product.
  double score(double score, std::int64_t b, std::int64_t h, std::int64_t q_idx, std::int64_t kv_idx);
  bool mask(std::int64_t b, std::int64_t h, std::int64_t q_idx, std::int64_t kv_idx);

  /// The first gather out of range since construction, if any. An index into a row that was computed is reported at the
  /// last axis of the first capture that went into the row.
  const std::optional<GatherFault>& fault() const;

 private:
  struct Machine;
  std::unique_ptr<Machine> machine_;
};

/// Arithmetic of the dense attention.
enum class OracleMode {
  Exact,    ///< all of it in f64
  Rounded,  ///< S, the mod's result, P and out each rounded to `rounded_dtype`, softmax and sums in f32 (ANCHORS: "pt")
};

/// One attention call. Shapes: q [B,H,Q,D], k [B or 1,HKV,KV,D], v [B or 1,HKV,KV,DV], out [B,H,Q,DV], lse and
/// max_scores [B,H,Q], sink [H]. q, k, v, sink may be f32, f16, bf16 or f64; outputs f32 or f64 (rounded when stored).
struct AttentionCall {
  TensorView q, k, v, out;
  TensorView lse, max_scores, sink;  ///< optional
  double scale = 0;                  ///< already resolved
  std::int64_t q_offset = 0, kv_offset = 0, q_step = 1, kv_step = 1;  ///< positions are offset + step·i
  OracleMode mode = OracleMode::Exact;
  DType rounded_dtype = DType::F32;
  bool checked = false;  ///< gathers out of range are an error that names capture and index
  int threads = 1;       ///< changes no bit
  std::function<void(double)> progress;  ///< called now and then, on the caller's thread, with the finished share; may be empty
};

/// Dense attention by DESIGN.md, section 4. Shapes must already be consistent (the engine checks them).
Result<void> evaluate_attention(const NormalForm& form, const Environment& environment, const AttentionCall& call);

}  // namespace flexc::dsl
