// The strict cone of a mod: floats that an integer or a boolean depends on.
#pragma once

#include "llvm/ADT/DenseSet.h"
#include "mlir/IR/Region.h"
#include "mlir/IR/Value.h"

namespace flexc::compiler {

/// The f32 values of the mod whose bits reach an integer or a boolean. They are computed as the language says, correctly rounded and
/// without contraction; everything else may be contracted or approximated. The score itself is outside by definition.
llvm::DenseSet<mlir::Value> strict_values(mlir::Region& mod);

}  // namespace flexc::compiler
