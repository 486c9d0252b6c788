// The mask_mod of an optimised variant as a tile program (runtime/tile/program.h).
#pragma once

#include "flexc/error.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/tile/program.h"

namespace flexc::compiler {

/// `module` has gone through build_tile_pipeline: rows are reductions, functions still have their names. A variant without a
/// mask_mod is the program that keeps every pair.
Result<tile::Program> emit_tile_program(mlir::ModuleOp module);

}  // namespace flexc::compiler
