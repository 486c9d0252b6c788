// The CSR form of a block mask: counting, the dense map, and the transpose.
#include "flexc/block_mask.h"

#include <algorithm>
#include <utility>

namespace flexc {

BlockMask::Counts BlockMask::counts() const {
  Counts counts;
  for (const TileRun& run : runs) (run.kind == TileKind::Full ? counts.full : counts.partial) += run.count;
  counts.empty = rows() * kv_blocks() - counts.partial - counts.full;
  return counts;
}

std::size_t BlockMask::bytes() const { return row_begin.size() * sizeof(row_begin[0]) + runs.size() * sizeof(TileRun); }

std::vector<std::uint8_t> BlockMask::dense() const {
  const auto columns = static_cast<std::size_t>(kv_blocks());
  std::vector<std::uint8_t> map(static_cast<std::size_t>(rows()) * columns, static_cast<std::uint8_t>(TileKind::Empty));
  for (std::size_t row = 0; row + 1 < row_begin.size(); ++row)
    for (std::size_t i = row_begin[row]; i < row_begin[row + 1]; ++i)
      std::fill_n(map.begin() + static_cast<std::ptrdiff_t>(row * columns + runs[i].first), runs[i].count, static_cast<std::uint8_t>(runs[i].kind));
  return map;
}

BlockMask BlockMask::from_dense(const BlockMask& shape, const std::vector<std::uint8_t>& map) {
  BlockMask mask = shape;
  mask.row_begin.assign(1, 0);
  mask.runs.clear();
  mask.origin = {};
  const auto columns = static_cast<std::size_t>(mask.kv_blocks()), rows = static_cast<std::size_t>(mask.rows());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      const std::size_t at = row * columns + column;
      // A value that is no kind, or that is missing, counts as partial, which is sound for every tile.
      const TileKind kind = at < map.size() && map[at] <= 2 ? static_cast<TileKind>(map[at]) : TileKind::Partial;
      if (kind == TileKind::Empty) continue;
      const bool extends = mask.runs.size() > mask.row_begin.back() && mask.runs.back().kind == kind && mask.runs.back().first + mask.runs.back().count == column;
      if (extends) ++mask.runs.back().count;
      else mask.runs.push_back({static_cast<std::uint32_t>(column), 1, kind});
    }
    mask.row_begin.push_back(mask.runs.size());
  }
  return mask;
}

namespace {

/// Walks the runs of one row as half-open column ranges, empty ones included.
class RowCursor {
 public:
  RowCursor(const TileRun* begin, const TileRun* end, std::uint32_t columns) : next_(begin), end_(end), columns_(columns) {}
  TileKind kind_at(std::uint32_t column) const { return next_ != end_ && column >= next_->first ? next_->kind : TileKind::Empty; }
  /// Where the range that holds `column` ends.
  std::uint32_t range_end(std::uint32_t column) const { return next_ == end_ ? columns_ : column >= next_->first ? next_->first + next_->count : next_->first; }
  void advance_to(std::uint32_t column) {
    while (next_ != end_ && column >= next_->first + next_->count) ++next_;
  }

 private:
  const TileRun *next_, *end_;
  std::uint32_t columns_;
};

}  // namespace

// A sweep over the rows: only where a row differs from the one before does a run of some column begin or end. The cost follows
// the two CSR forms' sizes, and not the area.
BlockMask BlockMask::transposed() const {
  BlockMask out;
  out.batches = batches;
  out.heads = heads;
  out.q_len = kv_len;
  out.kv_len = q_len;
  out.q_offset = kv_offset;
  out.kv_offset = q_offset;
  out.q_step = kv_step;
  out.kv_step = q_step;
  out.block_q = block_kv;
  out.block_kv = block_q;
  out.row_begin.assign(1, 0);
  const auto height = static_cast<std::uint32_t>(q_blocks()), columns = static_cast<std::uint32_t>(kv_blocks());
  std::vector<std::uint32_t> start(columns);
  std::vector<std::pair<std::uint32_t, TileRun>> ended;  // (column, its run), by the row where the run ended
  std::vector<std::uint64_t> place;
  const TileRun* const all = runs.data();
  for (std::int64_t plane = 0; plane < batches * heads; ++plane) {
    ended.clear();
    const std::uint64_t* row = row_begin.data() + plane * height;
    for (std::uint32_t i = 0; i <= height && height > 0; ++i) {
      const bool first = i == 0, last = i == height;
      RowCursor above(all + (first ? 0 : row[i - 1]), all + (first ? 0 : row[i]), columns);
      RowCursor here(all + (last ? 0 : row[i]), all + (last ? 0 : row[i + 1]), columns);
      for (std::uint32_t column = 0; column < columns;) {
        above.advance_to(column);
        here.advance_to(column);
        const std::uint32_t end = std::min(above.range_end(column), here.range_end(column));
        const TileKind before = above.kind_at(column), now = here.kind_at(column);
        for (; before != now && column < end; ++column) {
          if (before != TileKind::Empty) ended.push_back({column, {start[column], i - start[column], before}});
          start[column] = i;
        }
        column = end;
      }
    }
    // Counting sort by column; it is stable, so a column's runs stay in order.
    place.assign(columns + 1, 0);
    for (const auto& [column, run] : ended) ++place[column + 1];
    for (std::uint32_t column = 0; column < columns; ++column) place[column + 1] += place[column];
    const std::uint64_t base = out.runs.size();
    for (std::uint32_t column = 0; column < columns; ++column) out.row_begin.push_back(base + place[column + 1]);
    out.runs.resize(base + ended.size());
    for (const auto& [column, run] : ended) out.runs[base + place[column]++] = run;
  }
  return out;
}

}  // namespace flexc
