#include "compiler/passes/passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace flexc::compiler {

void register_passes() {
  mlir::registerPass(create_simplify);
  mlir::registerPass(create_propagate_equalities);
  mlir::registerPass(create_negations_inward);
  mlir::registerPass(create_expand_rows);
  mlir::registerPass(create_recognise_bands);
  mlir::registerPass(create_classify_score);
  mlir::registerPass(create_choose_units);
  mlir::registerPass(create_choose_loose);
  mlir::registerPass(create_expand_math);
  mlir::registerPass(create_narrow_integers);
  mlir::registerPass(create_hoist_coordinates);
  mlir::registerPass(create_show_ranges);
}

}  // namespace flexc::compiler
