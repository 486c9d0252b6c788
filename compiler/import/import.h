// Normal form → MLIR: one op a node, nothing optimised, locations kept.
#pragma once

#include "flexc/dsl/normal_form.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace flexc::compiler {

/// A module with one flex.variant. The context must have loaded the flex dialect.
mlir::OwningOpRef<mlir::ModuleOp> import_normal_form(const dsl::NormalForm& form, mlir::MLIRContext& context);

}  // namespace flexc::compiler
