// Tensors of a call: from files or drawn, in the dtype that was asked for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flexc/flexc.h"
#include "flexc/io.h"
#include "tools/flexc/variant_source.h"

namespace flexc::cli {

/// Loads a file; its warnings go to standard error.
Tensor load(const std::string& what, const std::string& path);

/// `tensor` (a float one) in `dtype`, each value rounded once.
Tensor converted(const Tensor& tensor, DType dtype);

struct AttentionInputs {
  Tensor q, k, v;
  DType dtype = f32;
};

/// --q, --k, --v, --dtype.
AttentionInputs load_attention(const std::string& q, const std::string& k, const std::string& v, std::optional<DType> dtype);

/// --random B,H,HKV,Q,KV,D,DV: standard normal draws under the names q, k, v.
AttentionInputs random_attention(const std::vector<std::int64_t>& extents, std::uint64_t seed, DType dtype);

/// --sink: any float file, as f32; f64 needs `may_round`.
Tensor load_sink(const std::string& path, bool may_round);

/// Captures and params of a call, with the memory behind them.
struct BoundCaptures {
  Captures captures;
  std::vector<Tensor> tensors;
  std::map<std::string, CompileOptions::CaptureType, std::less<>> types;  ///< for undeclared captures
};

/// Loads what --capture names. What is missing comes from the gallery's makers where `problem` is given and the variant is an
/// entry; anything else missing is a Failure.
BoundCaptures bind_captures(const LoadedVariant& variant, const BindingOptions& bindings, const GalleryProblem* problem, std::uint64_t seed);

}  // namespace flexc::cli
