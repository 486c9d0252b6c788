// The passes over the flex dialect, one file each. pipeline.cpp says in which order they run.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"

namespace flexc::compiler {

/// Common subexpressions, constants, exact identities, dead code; and linear normal form of integer sums modulo 2^64.
std::unique_ptr<mlir::Pass> create_simplify();
/// In a conjunction, a == b lets every other term read a for b.
std::unique_ptr<mlir::Pass> create_propagate_equalities();
/// Conditions in negation normal form, for tile programs.
std::unique_ptr<mlir::Pass> create_negations_inward();
/// Rows become reductions over an index, so that every value is a scalar.
std::unique_ptr<mlir::Pass> create_expand_rows();
/// mask_mod becomes at most two intervals of kv positions a row, flex.band, and what they do not say.
std::unique_ptr<mlir::Pass> create_recognise_bands();
/// For CUDA: marks functions that special units may compute (attribute flex.unit); quotients by shared values become products.
std::unique_ptr<mlir::Pass> create_choose_units();
/// For the CPU: marks functions that a shorter list may compute (attribute flex.loose); quotients by constants and params become products.
std::unique_ptr<mlir::Pass> create_choose_loose();
/// The functions of dsl/include/flexc/dsl/expand_math.h become arith and math ops, one a step of the table (of the shorter one
/// where marked flex.loose); those marked flex.unit stay.
std::unique_ptr<mlir::Pass> create_expand_math();
/// In variants marked flex.narrow, integers that provably fit are computed in 32 bits; what the proofs assume: attribute flex.assumes.
std::unique_ptr<mlir::Pass> create_narrow_integers();
/// Names for each value the coordinates that it depends on: attribute flex.level; and which values stand in a table, of columns or of differences.
std::unique_ptr<mlir::Pass> create_hoist_coordinates();
/// identity, affine or general: attribute flex.score_class of the score_mod.
std::unique_ptr<mlir::Pass> create_classify_score();
/// Writes ranges.h's answers on the operations; no stage of the pipeline.
std::unique_ptr<mlir::Pass> create_show_ranges();

/// Names all of the above for command lines.
void register_passes();

}  // namespace flexc::compiler
