// A tile program's values as expressions of positions, for people.
#pragma once

#include <string>
#include <vector>

#include "runtime/tile/program.h"

namespace flexc::tile {

/// Names of captures, params and fresh dims by number; what has none is called c0, p0, n0.
struct Names {
  std::vector<std::string> captures, params, fresh_dims;
};

/// Register `at` in infix form; beyond a few levels, or a line's length, inner parts are "...".
std::string expression(const Program& program, Register at, const Names& names);

/// Numbers of the captures that register `at` depends on, in order.
std::vector<std::uint32_t> captures_of(const Program& program, Register at);

}  // namespace flexc::tile
