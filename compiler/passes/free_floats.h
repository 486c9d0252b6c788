// Where a mod's floats may be computed in another way than the language's own.
#pragma once

#include "compiler/dialect/flex.h"
#include "compiler/passes/levels.h"

namespace flexc::compiler {

/// The operations of a pair whose f32 result no integer or boolean depends on: such floats carry documented bounds only (docs/math.md). What many
/// pairs share is not among them: it is computed once for all of them, and exactly. A mask has none, it is all strict.
llvm::SmallVector<flex::LanguageOp> free_operations(mlir::Region& score_mod, Dependences& dependences);

}  // namespace flexc::compiler
