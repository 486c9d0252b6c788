#include "compiler/ir_functions.h"

extern "C" const flexc::compiler::IrFunctions flexc_ir_functions = {flexc::compiler::emit_stage, flexc::compiler::compile_row_object, flexc::compiler::compile_tile_program};
