// The stages between the normal form and machine code.
#pragma once

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"

namespace flexc::compiler {

/// Every dialect that a stage may meet.
void register_dialects(mlir::DialectRegistry& registry);

enum class Target { Cpu, Cuda };

/// The optimisation pipeline over a module with a flex.variant (`--flexc-pipeline`, `--flexc-cuda-pipeline`).
void build_pipeline(mlir::OpPassManager& passes, Target target);

/// Passes and the pipeline, by name.
void register_all();

}  // namespace flexc::compiler
