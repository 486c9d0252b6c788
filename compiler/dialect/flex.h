// The flex dialect in C++. Everything here that mentions MLIR is precompiled once (see compiler/CMakeLists.txt).
#pragma once

#include "flexc/dsl/operations.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace flexc::flex {

class DimAttr;

/// Folds an operation of the language whose operands are constants, or that an exact identity simplifies: for integers
/// modulo 2^64, for floats bit by bit in f32 (NaN payloads apart).
mlir::OpFoldResult fold_elementwise(dsl::Op op, mlir::Operation* operation, llvm::ArrayRef<mlir::Attribute> operands);

/// A row's element type; any other type itself.
mlir::Type element_of(mlir::Type type);
/// Both scalars, or rows of one length.
bool same_shape(mlir::Type a, mlir::Type b);

/// "c3" → 3: the number in the name of a declaration, which is its place in the normal form.
unsigned number_of(llvm::StringRef name);

/// The unit attribute of a variant that passes may compile under the assumptions of compiler/members.h …
inline constexpr const char* kNarrowAttribute = "flex.narrow";
/// … and the names of those that they have used so far, an array that is absent while there are none.
inline constexpr const char* kAssumesAttribute = "flex.assumes";
/// The unit attribute of a function that the CPU computes by its loose expansion (dsl/include/flexc/dsl/expand_math.h).
inline constexpr const char* kLooseAttribute = "flex.loose";

/// The constant's value if `value` is a constant of that type.
std::optional<std::int64_t> constant_integer(mlir::Value value);
std::optional<float> constant_float(mlir::Value value);

}  // namespace flexc::flex

#include "compiler/dialect/flex_dialect.h.inc"
#include "compiler/dialect/flex_interfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/dialect/flex_attributes.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/dialect/flex_types.h.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/flex_ops.h.inc"
