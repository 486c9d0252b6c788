#include "tests/random_mods/table.h"

#include <algorithm>
#include <cctype>
#include <fstream>

namespace random_mods {
namespace {

constexpr const char* kColumnNames[kColumns] = {"bool", "i64", "f32", "bool, i64", "bool, f32", "i64, f32", "row i64", "row f32"};

/// Cells of a Markdown row; `\|` is no border.
std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells(1);
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|')
      cells.back() += line[++i];
    else if (line[i] == '|')
      cells.emplace_back();
    else
      cells.back() += line[i];
  }
  cells.pop_back();
  for (std::string& cell : cells) {
    cell.erase(0, cell.find_first_not_of(' '));
    cell.erase(cell.find_last_not_of(' ') + 1);
  }
  return cells;
}

std::optional<Kind> kind_of(const std::string& text) {
  if (text == "bool") return Kind::Bool;
  if (text == "i64") return Kind::I64;
  if (text == "f32") return Kind::F32;
  if (text == "row i64") return Kind::RowI64;
  if (text == "row f32") return Kind::RowF32;
  return std::nullopt;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

}  // namespace

std::string placeholders(const std::string& spelling, std::size_t& count) {
  std::string out;
  count = 0;
  for (std::size_t i = 0; i < spelling.size(); ++i) {
    const char c = spelling[i];
    const bool alone = (i == 0 || !is_word(spelling[i - 1])) && (i + 1 == spelling.size() || !is_word(spelling[i + 1]));
    if (alone && (c == 'a' || c == 'b' || c == 'c')) {
      out += '$';
      out += static_cast<char>('0' + (c - 'a'));
      count = std::max<std::size_t>(count, static_cast<std::size_t>(c - 'a') + 1);
    } else {
      out += c;
    }
  }
  return out;
}

std::string Table::name_of(std::size_t cell) const {
  return spellings[cells[cell].row] + " [" + kColumnNames[static_cast<std::size_t>(cells[cell].column)] + "]";
}

std::optional<Table> read_table(const std::string& path, std::string& error) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line) && !line.starts_with("| operation |")) {}
  const std::vector<std::string> head = split(line);
  bool fits = head.size() == kColumns + 1;
  for (std::size_t i = 0; fits && i < kColumns; ++i) fits = head[i + 1] == kColumnNames[i];
  if (!fits) {
    error = path + " has no table of operations and types with the expected columns";
    return std::nullopt;
  }
  std::getline(file, line);
  Table table;
  while (std::getline(file, line) && line.starts_with("|")) {
    const std::vector<std::string> cells = split(line);
    if (cells.size() != kColumns + 1 || cells[0].size() < 3 || cells[0].front() != '`' || cells[0].back() != '`') {
      error = "not a row of the table: " + line;
      return std::nullopt;
    }
    table.spellings.push_back(cells[0].substr(1, cells[0].size() - 2));
    for (std::size_t i = 0; i < kColumns; ++i) {
      const auto result = kind_of(cells[i + 1]);
      if (result)
        table.cells.push_back({table.spellings.size() - 1, static_cast<Column>(i), *result});
      else if (cells[i + 1] != "error" && cells[i + 1] != "–") {
        error = "neither a type nor an error: " + cells[i + 1] + " in " + line;
        return std::nullopt;
      }
    }
  }
  return table;
}

}  // namespace random_mods
