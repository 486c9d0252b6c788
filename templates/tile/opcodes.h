// The operations of tile programs by name: for the interpreters of the host, and the one that a GPU runs.
#pragma once
#include "templates/tile/standard.h"

namespace flexc::tile {

enum class Opcode : std::uint8_t {
#define FLEXC_TILE_OP(name, text, result, operands) name,
#include "templates/tile/opcodes.def"
#undef FLEXC_TILE_OP
  Count,
};

enum class Type : std::uint8_t { Bool, I64, F32 };

/// Functions whose bounds Enclose knows.
enum class Function : std::uint8_t { Exp, Exp2, Expm1, Log, Log2, Log1p, Tanh, Sigmoid, Erf, Sine, Count };

}  // namespace flexc::tile
