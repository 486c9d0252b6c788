// Names and structure: what can be said about a program without types. Reports every undefined name (once a name, with "did
// you mean"), names declared twice or taken from the language, mods with the wrong number of parameters, parameters twice,
// `x += 1` on an enclosing function's variable, statements with no meaning here, paths of a function that do not return
// (only where no branch on a constant could decide it; elaborate() reports the rest).
#pragma once

#include "dsl/syntax/ast.h"

namespace flexc::dsl {

/// Fills Function::locals and Program::undeclared. Also runs after syntax errors, quietly about what they may have bound.
void resolve(Program& program, Diagnostics& diagnostics);

}  // namespace flexc::dsl
