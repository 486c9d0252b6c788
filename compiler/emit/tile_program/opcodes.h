// Operations of the language that are one instruction of a tile program, by the type of their first operand.
#pragma once

#include <optional>

#include "flexc/dsl/operations.h"
#include "runtime/tile/program.h"

namespace flexc::compiler {

std::optional<tile::Opcode> integer_opcode(dsl::Op op);
std::optional<tile::Opcode> boolean_opcode(dsl::Op op);
std::optional<tile::Opcode> float_opcode(dsl::Op op);

}  // namespace flexc::compiler
