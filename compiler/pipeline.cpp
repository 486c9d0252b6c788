#include "compiler/pipeline.h"

#include "compiler/dialect/flex.h"
#include "compiler/passes/passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassRegistry.h"

namespace flexc::compiler {

namespace {

enum class Target { Cpu, Cuda };

void add_stages(mlir::OpPassManager& passes, Target target) {
  passes.addPass(create_simplify());              // what was written twice is computed once; integer sums in linear normal form
  passes.addPass(create_propagate_equalities());  // a == b & f(b) reads a
  passes.addPass(create_expand_rows());           // rows become loops over scalars
  passes.addPass(create_simplify());              // what the two uncovered
  passes.addPass(create_recognise_bands());       // kept positions of a row as intervals, while comparisons are whole
  passes.addPass(create_classify_score());        // identity, affine or general, while functions still have names
  if (target == Target::Cuda) passes.addPass(create_choose_units());  // tanh, exp2, … of a pair stay, for the special units
  else passes.addPass(create_choose_loose());     // tanh of a pair by its shorter list, quotients as products
  passes.addPass(create_expand_math());           // exp, pow, … become the table's steps
  passes.addPass(create_simplify());              // reductions and constants that expansions share
  passes.addPass(create_narrow_integers());       // 32 bits where they hold every value, for members that may assume so
  passes.addPass(create_hoist_coordinates());     // launch, head, q_side, kv_side or pair
}

}  // namespace

void build_pipeline(mlir::OpPassManager& passes) { add_stages(passes, Target::Cpu); }
void build_cuda_pipeline(mlir::OpPassManager& passes) { add_stages(passes, Target::Cuda); }

void build_tile_pipeline(mlir::OpPassManager& passes) {
  passes.addPass(create_negations_inward());      // De Morgan's rules change nothing that follows
  passes.addPass(create_simplify());
  passes.addPass(create_negations_inward());      // negations that simplification uncovered
  passes.addPass(create_propagate_equalities());  // a == b & f(b) reads a: relations that ranges cannot see
  passes.addPass(create_expand_rows());
  passes.addPass(create_simplify());
}

void build_plain_pipeline(mlir::OpPassManager& passes) {
  passes.addPass(create_expand_rows());
  passes.addPass(create_expand_math());
}

void register_dialects(mlir::DialectRegistry& registry) {
  registry.insert<flex::FlexDialect, mlir::arith::ArithDialect, mlir::math::MathDialect, mlir::LLVM::LLVMDialect>();
}

void register_all() {
  register_passes();
  mlir::PassPipelineRegistration<>("flexc-pipeline", "The stages of compiler/pipeline.cpp", build_pipeline);
  mlir::PassPipelineRegistration<>("flexc-tile-pipeline", "The stages before a tile program", build_tile_pipeline);
  mlir::PassPipelineRegistration<>("flexc-cuda-pipeline", "The stages for CUDA", build_cuda_pipeline);
  mlir::PassPipelineRegistration<>("flexc-plain-pipeline", "The stages that emission needs, and no others", build_plain_pipeline);
}

}  // namespace flexc::compiler
