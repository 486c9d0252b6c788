// Normal forms written by hand, so that the oracle is tested without the front end.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "flexc/dsl/evaluate.h"

namespace oracle_test {

using namespace flexc;
using namespace flexc::dsl;

inline const Type kBoolType{Scalar::Bool, false, {}};
inline const Type kI64Type{Scalar::I64, false, {}};
inline const Type kF32Type{Scalar::F32, false, {}};
inline Type row_of(Scalar scalar, std::int64_t length) { return {scalar, true, {Dim::Kind::Constant, length}}; }

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

/// One body and the form around it. Captures keep their own data.
struct Builder {
  NormalForm form;
  Environment environment{{1, 1, 1, 64, 64}, {}, {}};
  Body body;

  NodeId add(Op op, Type type, std::vector<NodeId> operands = {}, std::int64_t imm = 0) {
    body.nodes.push_back({op, type, std::move(operands), imm, {}});
    body.result = static_cast<NodeId>(body.nodes.size() - 1);
    return body.result;
  }
  NodeId integer(std::int64_t value) { return add(Op::ConstI64, kI64Type, {}, value); }
  NodeId real(float value) { return add(Op::ConstF32, kF32Type, {}, std::bit_cast<std::uint32_t>(value)); }
  NodeId q_idx() { return add(Op::QIndex, kI64Type); }
  NodeId kv_idx() { return add(Op::KvIndex, kI64Type); }
  NodeId score() { return add(Op::Score, kF32Type); }

  /// Binds a capture with constant dims; `data` must outlive the builder.
  std::int64_t capture(const void* data, DType dtype, const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides = {}) {
    CaptureInfo info{"c" + std::to_string(form.captures.size()), dtype, {}, true};
    for (std::int64_t extent : shape) info.dims.push_back({Dim::Kind::Constant, extent});
    form.captures.push_back(info);
    environment.captures.emplace_back(data, dtype, shape, strides);
    return static_cast<std::int64_t>(form.captures.size()) - 1;
  }
  NodeId gather(std::int64_t capture, std::vector<NodeId> indices) {
    const DType dtype = form.captures[static_cast<std::size_t>(capture)].dtype;
    const Type type = is_float(dtype) ? kF32Type : dtype == DType::Bool ? kBoolType : kI64Type;
    return add(Op::Gather, type, std::move(indices), capture);
  }
  NodeId gather_row(std::int64_t capture, std::vector<NodeId> indices) {
    const CaptureInfo& info = form.captures[static_cast<std::size_t>(capture)];
    return add(Op::GatherRow, row_of(is_float(info.dtype) ? Scalar::F32 : Scalar::I64, info.dims.back().value), std::move(indices), capture);
  }
  /// The same value, with a boolean depending on it: so it lies in the strict cone.
  NodeId strictly(NodeId value) {
    const NodeId condition = add(Op::Eq, kBoolType, {value, value});
    return add(Op::Select, kF32Type, {condition, value, value});
  }
  /// Whether an integer equals expected[q_idx, kv_idx] (which is how a test reads an integer).
  NodeId equals_expected(NodeId value, const std::vector<std::int64_t>& expected, std::int64_t rows, std::int64_t columns) {
    const std::int64_t id = capture(expected.data(), DType::I64, {rows, columns});
    const NodeId wanted = gather(id, {q_idx(), kv_idx()});
    return add(Op::Eq, kBoolType, {value, wanted});
  }
  Evaluator evaluator() const { return Evaluator(body, form, environment, {}); }
};

inline bool same_bits(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

inline const std::vector<std::int64_t> kEdgeIntegers = {0,  1,  -1, 2,  -2, 3,  -3, 5,  -7, 31, 32, 63, 64, 65, -63, -64, -65, 127, 1000003, -1000003, 0x7FFFFFFF, -0x7FFFFFFF - 1,
                                                        0x80000000, 0xFFFFFFFF, 0x100000000, kMax / 2, kMin / 2, kMax - 1, kMin + 1, kMax, kMin};
inline const std::vector<float> kEdgeFloats = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -0.5f, 1.5f, -1.5f, 2.5f, -2.5f, 3.0f, -3.0f, 7.25f, 0.1f, -0.1f, 1e-45f, -1e-45f, 0x1p-126f, 0x1.fffffcp-127f,
                                               0x1.fffffep127f, -0x1.fffffep127f, 0x1p23f, 0x1.000002p23f, 0x1p24f, 0x1p62f, 0x1p63f, -0x1p63f, 0x1p64f, 16777217.0f, kInf, -kInf, kNan};

}  // namespace oracle_test
