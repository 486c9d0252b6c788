// What a call must bring for a variant's mods: its captures and params, by name. The normal form (dsl/) is one, and so is what a bundle
// keeps of it, so that both are checked by the same code.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flexc/dtype.h"
#include "flexc/tensor.h"

namespace flexc::runtime {

/// Problem symbols, readable inside mods and usable as dims.
enum class Symbol : std::uint8_t { B, H, HKV, Q, KV };
inline constexpr std::array<std::string_view, 5> kSymbolNames = {"B", "H", "HKV", "Q", "KV"};

/// One dimension of a capture.
struct Dim {
  enum class Kind : std::uint8_t { Constant, Symbol, Fresh } kind = Kind::Constant;
  std::int64_t value = 0;  ///< the constant; or the Symbol's number; or the index into Signature::fresh_dims
  bool operator==(const Dim&) const = default;
};

struct CaptureInfo {
  std::string name;
  DType dtype = DType::F32;
  std::vector<Dim> dims;
  bool used = false;  ///< some mod reads it; unused captures need not be bound, and are not part of the identity
  bool operator==(const CaptureInfo&) const = default;
};

struct ParamInfo {
  std::string name;
  DType type = DType::I32;  ///< f32, i32, i64 or bool
  std::optional<std::int64_t> default_integer;  ///< i32, i64, bool
  std::optional<float> default_float;           ///< f32
  bool used = false;
  bool operator==(const ParamInfo&) const = default;
};

struct Signature {
  std::vector<CaptureInfo> captures;
  std::vector<ParamInfo> params;
  std::vector<std::string> fresh_dims;  ///< names; "" for the unnamed dims of undeclared captures
  /// Pairs of row lengths that the program needs equal and that only the launch can compare.
  std::vector<std::pair<Dim, Dim>> equal_lengths;
  /// Fresh dims whose size a mod reads, so that some capture must bring it; in the order of their first use.
  std::vector<std::uint32_t> sizes_read;
};

/// Values of the problem symbols, as the mods see them (Q and KV are the call's q_total and kv_total).
struct Problem {
  std::int64_t batch = 0, heads = 0, kv_heads = 0, q_total = 0, kv_total = 0;
};

/// A run-time scalar for a param: the integer for i32, i64 and bool, the float for f32.
struct ParamValue {
  std::int64_t integer = 0;
  float real = 0;
};

/// What the mods read beside their arguments: one entry a capture and a param, in the signature's order.
/// Unused captures may be absent.
struct Environment {
  Problem problem;
  std::vector<TensorView> captures;
  std::vector<ParamValue> params;
};

}  // namespace flexc::runtime
