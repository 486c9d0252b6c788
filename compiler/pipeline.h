// The stages between the normal form and machine code.
#pragma once

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"

namespace flexc::compiler {

/// Every dialect that a stage may meet.
void register_dialects(mlir::DialectRegistry& registry);

/// The optimisation pipeline over a module with a flex.variant (`--flexc-pipeline`).
void build_pipeline(mlir::OpPassManager& passes);
/// The same for CUDA (`--flexc-cuda-pipeline`): some functions of pairs are left to the GPU's units.
void build_cuda_pipeline(mlir::OpPassManager& passes);
/// Only what emission cannot do without (`--flexc-plain-pipeline`): what optimised code is compared with.
void build_plain_pipeline(mlir::OpPassManager& passes);

/// The shorter pipeline before a tile program (`--flexc-tile-pipeline`): functions keep their names, and nothing is hoisted.
void build_tile_pipeline(mlir::OpPassManager& passes);

/// Passes and the pipelines, by name.
void register_all();

}  // namespace flexc::compiler
