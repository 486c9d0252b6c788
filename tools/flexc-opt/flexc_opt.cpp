// flexc-opt: runs passes over the flex dialect's text, for tests and for looking.
#include "compiler/pipeline.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  flexc::compiler::register_dialects(registry);
  flexc::compiler::register_all();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "flexc: optimiser\n", registry));
}
