// Normal form → MLIR: one op a node, nothing optimised, locations kept.
#pragma once

#include "flexc/dsl/normal_form.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace flexc::compiler {

/// A module with one flex.variant. The context must have loaded the flex dialect. With `narrow`, passes may use the assumptions of
/// compiler/members.h: the variant has the attribute flex.narrow.
mlir::OwningOpRef<mlir::ModuleOp> import_normal_form(const dsl::NormalForm& form, mlir::MLIRContext& context, bool narrow = false);

}  // namespace flexc::compiler
