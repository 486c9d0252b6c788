// The names of the language, in one place: built-ins, problem symbols, keywords; and "did you mean".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/nearest_name.h"

namespace flexc::dsl {

/// Functions callable by bare name, and as `torch.NAME` or `math.NAME`.
std::span<const std::string_view> builtin_functions();
/// Names with a value: inf, nan, True … are not here (those are keywords), B H HKV Q KV are.
std::span<const std::string_view> builtin_values();
bool is_builtin(std::string_view name);
/// torch, math, functools and F: known without an import, and free to be taken by a declaration.
bool is_module(std::string_view name);
bool is_problem_symbol(std::string_view name);
bool is_keyword(std::string_view name);

using flexc::nearest_name;

}  // namespace flexc::dsl
