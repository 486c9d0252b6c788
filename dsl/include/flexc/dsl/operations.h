// The language's operations, types and dims by number: what the normal form and the compiler's IR have in common.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "flexc/runtime/signature.h"

namespace flexc::dsl {

enum class Scalar : std::uint8_t { Bool, I64, F32 };

using runtime::Dim;
using runtime::kSymbolNames;
using runtime::Symbol;

/// Type of a node: a scalar, or a row (a vector along a capture's last dimension) of scalars.
struct Type {
  Scalar scalar = Scalar::I64;
  bool is_row = false;
  Dim length;  ///< rows only
  bool operator==(const Type&) const = default;
};

// Semantics: docs/language.md. I64 wraps; every operation is total. "elementwise" operations take rows too, with scalar
// operands broadcast; all their operands have one scalar type.
enum class Op : std::uint8_t {
  // Leaves. imm: see each.
  ConstBool, ConstI64, ConstF32,  ///< imm: 0 or 1; the value; the bits of the f32
  Score,                          ///< F32
  BatchIndex, HeadIndex, QIndex, KvIndex,
  SymbolValue,                    ///< imm: Symbol
  FreshDim,                       ///< imm: index into fresh_dims; the size at run time
  Param,                          ///< imm: index into params
  // Memory. imm: capture; operands: the indices.
  Gather,     ///< all dimensions indexed → scalar
  GatherRow,  ///< all but the last → row
  RowIndex,   ///< (row, i) → scalar
  // Elementwise arithmetic on I64 or F32.
  Add, Sub, Mul, FloorDiv, Mod, Neg, Abs, Sign, Min, Max,
  Div, Pow,              ///< F32 only
  And, Or, Xor, Not,     ///< I64 (bits) or Bool (logical)
  Shl, Shr,              ///< I64; the count is taken modulo 64; Shr is arithmetic
  WrapI32,               ///< I64 → I64: sign extension of the low 32 bits
  // Comparisons: two I64 or two F32 scalars → Bool.
  Eq, Ne, Lt, Le, Gt, Ge,
  Select,                ///< (Bool, a, b); a and b of one type, rows too
  // Conversions, elementwise.
  BoolToInt, IntToFloat,  ///< Bool → I64; I64 → F32, to nearest even
  FloatToInt,             ///< F32 → I64: truncates, saturates, NaN → 0
  // Elementwise F32 functions.
  Floor, Ceil, Round, Exp, Exp2, Expm1, Log, Log2, Log1p, Sqrt, Rsqrt, Sin, Cos, Tan, Tanh, Sigmoid, Erf,
  IsNan, IsInf,           ///< F32 → Bool, scalars only
  // Reductions of rows, from element 0 upwards.
  Dot, Sum, RowMin, RowMax,
};

/// "add", "floor_div", "row_max", … as printed.
std::string_view name_of(Op op);
std::string_view name_of(Scalar scalar);

}  // namespace flexc::dsl
