// What the statements of one function bind, as Python's scoping has it: a name that is assigned anywhere in a function is local
// to all of it.
#pragma once

#include <string_view>
#include <vector>

#include "dsl/syntax/ast.h"

namespace flexc::dsl {

struct Bindings {
  std::vector<std::string_view> names;      ///< with repetitions
  std::vector<std::string_view> uncertain;  ///< bound by something that has a syntax error
  std::vector<const Stmt*> augmented;       ///< every `x += …`: it binds, but needs another binding before it
  bool returns = false;                     ///< there is a return somewhere
};

/// Adds what `stmt` and the blocks in it bind; nested functions are scopes of their own.
void collect_bindings(const Stmt& stmt, Bindings& bindings);

}  // namespace flexc::dsl
