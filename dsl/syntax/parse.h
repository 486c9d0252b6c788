// From text to syntax tree: lexer and parser behind one call.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dsl/syntax/ast.h"

namespace flexc::dsl {

inline constexpr std::size_t kMaxSourceBytes = 1 << 20;
inline constexpr int kMaxNesting = 200;
inline constexpr int kMaxRank = 8;  ///< dims of a declared tensor

/// Parses a variant file. Never fails outright: errors are in `diagnostics`, and the tree is as complete as it can be
/// (Error nodes stand where something was wrong). Stack use is bounded by kMaxNesting.
std::unique_ptr<Program> parse_file(Source source, Diagnostics& diagnostics);

/// Parses bare expressions; an empty name means that this one is not given. The tree has `score_mod` and `mask_mod`
/// functions made around them with the standard parameter names.
std::unique_ptr<Program> parse_expressions(Source score, Source mask, Diagnostics& diagnostics);

/// The tree as indented text, for `flexc emit --stage ast`.
std::string print_ast(const Program& program);

}  // namespace flexc::dsl
