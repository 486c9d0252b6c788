#include "compiler/ir_functions.h"

extern "C" const flexc::compiler::IrFunctions flexc_ir_functions = {flexc::compiler::emit_stage, flexc::compiler::emit_cuda_hooks, flexc::compiler::compile_row_object};
