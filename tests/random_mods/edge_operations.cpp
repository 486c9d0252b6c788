// Every cell of the op × type table at edge values {0, ±1, the extremes of i64, ±0, subnormals, ±inf, NaN, …}, in all combinations
// of two operands, through the compiled mods: in the strict cone bit by bit, outside of it within the documented errors.
// Usage: edge_operations LANGUAGE_MD
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "tests/random_mods/judge.h"
#include "tests/random_mods/table.h"

namespace {

using namespace random_mods;

/// Types of the operands of a cell, in the orders that the column stands for. A row is "row i64" or "row f32".
std::vector<std::vector<std::string>> orders(Column column, std::size_t count, bool is_reduction) {
  const auto all = [&](std::vector<std::string> types) {
    std::vector<std::vector<std::string>> result(1);
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::vector<std::string>> longer;
      for (const auto& order : result)
        for (const std::string& type : types) {
          longer.push_back(order);
          longer.back().push_back(type);
        }
      result = longer;
    }
    return result;
  };
  const auto has = [](const std::vector<std::string>& order, const char* type) { return std::find(order.begin(), order.end(), type) != order.end(); };
  std::vector<std::vector<std::string>> result;
  switch (column) {
    case Column::Bool:
      return all({"bool"});
    case Column::I64:
      return all({"i64"});
    case Column::F32:
      return all({"f32"});
    case Column::BoolI64:
      result = all({"bool", "i64"});
      break;
    case Column::BoolF32:
      result = all({"bool", "f32"});
      break;
    case Column::I64F32:
      result = all({"i64", "f32"});
      break;
    case Column::RowI64:
      result = is_reduction ? all({"row i64"}) : all({"row i64", "i64", "bool"});
      break;
    case Column::RowF32:
      result = is_reduction ? all({"row f32", "row i64"}) : all({"row f32", "row i64", "f32", "i64"});
      break;
  }
  std::erase_if(result, [&](const auto& order) {
    if (column == Column::RowI64) return !has(order, "row i64");
    if (column == Column::RowF32) return (!has(order, "row f32") && !has(order, "row i64")) || (!has(order, "row f32") && !has(order, "f32"));
    return count > 1 && std::equal(order.begin() + 1, order.end(), order.begin());
  });
  // Of three operands a few orders are enough.
  constexpr std::size_t kOrders = 4;
  if (result.size() > kOrders) {
    std::vector<std::vector<std::string>> some;
    for (std::size_t i = 0; i < kOrders; ++i) some.push_back(result[i * result.size() / kOrders]);
    result = some;
  }
  return result;
}

std::string text_of(const Table& table, const Cell& cell, const std::vector<std::string>& types, bool is_strict) {
  const std::string& spelling = table.spellings[cell.row];
  const bool is_select = spelling == "a if c else b" || spelling == "where(c, a, b)";
  std::string text, body;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const bool is_row = types[i].starts_with("row");
    text += fmt::format("tensor x{}: {}[KV{}]\n", i, is_row ? types[i].substr(4) : types[i], is_row ? ", 3" : "");
    body += fmt::format("    {} = x{}[kv_idx]\n", static_cast<char>('a' + i), i);
  }
  if (spelling == "t[a]") text += "tensor t: f32[KV]\n";
  if (is_select) body += "    c = kv_idx % 3 == 0\n";
  const std::string call =
      spelling == "silu(a)" || spelling == "relu(a)" || spelling == "gelu(a)" || spelling == "softplus(a)" ? "F." + spelling : spelling;
  body += "    v = " + call + "\n";
  if (cell.result == Kind::RowI64 || cell.result == Kind::RowF32) body += "    v = v[0] if kv_idx % 2 == 0 else v[-1]\n";
  std::string result = "where(v, 1.0, 2.0)";
  // All bits of an integer decide what is left of it; f32 holds the rest.
  if (cell.result == Kind::I64 || cell.result == Kind::RowI64) result = "v % 16777213";
  // What a comparison reads is strict, and the select that gives it too.
  if (cell.result == Kind::F32 || cell.result == Kind::RowF32) result = is_strict ? "where(isnan(v), nan, v)" : "v";
  return text + "def score_mod(score, b_, h_, q_idx, kv_idx):\n" + body + "    return " + result + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::string error;
  const auto table = read_table(argc > 1 ? argv[1] : "", error);
  if (!table) {
    fmt::print("{}\n", error);
    return 1;
  }
  std::size_t programs = 0, pairs = 0, failures = 0;
  for (std::size_t number = 0; number < table->cells.size(); ++number) {
    const Cell& cell = table->cells[number];
    const std::string& spelling = table->spellings[cell.row];
    std::size_t count = 0;
    placeholders(spelling, count);
    if (spelling == "a if c else b" || spelling == "where(c, a, b)") count = 2;
    const bool is_row = cell.result == Kind::RowI64 || cell.result == Kind::RowF32;
    const bool is_reduction = !is_row && (cell.column == Column::RowI64 || cell.column == Column::RowF32);
    for (const auto& types : orders(cell.column, count, is_reduction)) {
      const bool is_float = cell.result == Kind::F32 || cell.result == Kind::RowF32;
      for (int strict = 0; strict < (is_float ? 2 : 1); ++strict) {
        const std::string text = text_of(*table, cell, types, strict == 1);
        Refusal refusal;
        const auto compiled = compile(text, Beside::Nothing, refusal);
        const Comparison result = compiled ? judge_edges(*compiled) : Comparison{};
        ++programs;
        pairs += result.pairs;
        if (compiled && result.difference.empty()) continue;
        ++failures;
        fmt::print("{}: {}\n{}\n", table->name_of(number), compiled ? result.difference : refusal.message, text);
      }
    }
  }
  fmt::print("{} cells, {} programs, {} values at edges; {} differ\n", table->cells.size(), programs, pairs, failures);
  return failures == 0 && pairs > 0 ? 0 : 1;
}
