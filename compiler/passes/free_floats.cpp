#include "compiler/passes/free_floats.h"

#include "compiler/passes/strict_values.h"

using namespace mlir;

namespace flexc::compiler {

llvm::SmallVector<flex::LanguageOp> free_operations(Region& score_mod, Dependences& dependences) {
  const llvm::DenseSet<Value> strict = strict_values(score_mod);
  llvm::SmallVector<flex::LanguageOp> free;
  score_mod.walk([&](flex::LanguageOp op) {
    const Value result = op->getResult(0);
    const unsigned coordinates = dependences.of(result) & ~unsigned{kOnLoop};
    if (result.getType().isF32() && !strict.contains(result) && level_of(coordinates) == "pair") free.push_back(op);
  });
  return free;
}

}  // namespace flexc::compiler
