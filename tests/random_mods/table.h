// The op × type table of docs/language.md: what the generator draws from, and what its histogram is over.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace random_mods {

/// Kind of a value. Rows carry a length class beside it.
enum class Kind { Bool, I64, F32, RowI64, RowF32 };

enum class Column { Bool, I64, F32, BoolI64, BoolF32, I64F32, RowI64, RowF32 };
inline constexpr std::size_t kColumns = 8;

/// A cell that is no error: an operation of some spelling over operands of a column.
struct Cell {
  std::size_t row;  ///< index into Table::spellings
  Column column;
  Kind result;
};

struct Table {
  std::vector<std::string> spellings;  ///< "a + b", "where(c, a, b)", …
  std::vector<Cell> cells;
  /// "a + b [bool, i64]"
  std::string name_of(std::size_t cell) const;
};

/// Reads the table of the document at `path`; an empty one, and the reason in `error`, where it is not what it should be.
std::optional<Table> read_table(const std::string& path, std::string& error);

/// A spelling with `$0` for a, `$1` for b and `$2` for c; how many of them there are in `count`.
std::string placeholders(const std::string& spelling, std::size_t& count);

}  // namespace random_mods
