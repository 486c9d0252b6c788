#include "dsl/syntax/names.h"

#include <algorithm>
#include <iterator>

namespace flexc::dsl {
namespace {

constexpr std::string_view kFunctions[] = {
    "abs",   "and_masks", "bool",   "ceil",  "clamp", "cos",  "dot",  "erf",         "exp",        "exp2",        "expm1",       "float", "floor", "int",  "isinf",
    "isnan", "log",       "log1p",  "log2",  "logical_and", "logical_not", "logical_or", "logical_xor", "max",   "maximum",     "min",   "minimum", "or_masks",
    "partial", "pow",     "range",  "round", "rsqrt", "sigmoid", "sign", "sin",      "sqrt",       "square",      "sum",         "tan",   "tanh",  "where"};
constexpr std::string_view kValues[] = {"B", "F", "H", "HKV", "KV", "Q", "float32", "functools", "inf", "int32", "int64", "math", "nan", "torch"};
constexpr std::string_view kSymbols[] = {"B", "H", "HKV", "Q", "KV"};

}  // namespace

std::span<const std::string_view> builtin_functions() { return kFunctions; }
std::span<const std::string_view> builtin_values() { return kValues; }
bool is_builtin(std::string_view name) { return std::ranges::find(kFunctions, name) != std::end(kFunctions) || std::ranges::find(kValues, name) != std::end(kValues); }
bool is_module(std::string_view name) { return name == "torch" || name == "math" || name == "functools" || name == "F"; }
bool is_problem_symbol(std::string_view name) { return std::ranges::find(kSymbols, name) != std::end(kSymbols); }

}  // namespace flexc::dsl
