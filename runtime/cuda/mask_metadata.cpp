#include "runtime/cuda/mask_metadata.h"

#include <algorithm>
#include <utility>

#include "runtime/mask/sound_rows.h"

namespace flexc::runtime {
namespace {

constexpr std::uint32_t kRowWords = sizeof(flexc_tile_row) / 4, kRunWords = sizeof(flexc_tile_run) / 4;

/// `end` is one past the last tile.
struct Run {
  std::int64_t first, end;
  TileKind kind;
};

/// Appends tiles from `first` on; where the last run ends within them (by one tile, which two runs of blocks share), that tile is partial.
void append(std::vector<Run>& runs, std::int64_t first, std::int64_t end, TileKind kind) {
  if (!runs.empty() && runs.back().end > first) {
    if (--runs.back().end == runs.back().first) runs.pop_back();
    append(runs, first, first + 1, TileKind::Partial);
    ++first;
  }
  if (first >= end) return;
  if (!runs.empty() && runs.back().kind == kind && runs.back().end == first) runs.back().end = end;
  else runs.push_back({first, end, kind});
}

/// The runs of one row of blocks as runs of tiles of n columns.
void tiles_of_block_row(const BlockMask& mask, std::size_t row, std::int64_t n, std::vector<Run>& tiles) {
  tiles.clear();
  for (std::uint64_t i = mask.row_begin[row]; i < mask.row_begin[row + 1]; ++i) {
    const TileRun& run = mask.runs[i];
    const std::int64_t last_block = std::int64_t{run.first} + run.count;
    if (run.kind == TileKind::Empty) continue;
    const std::int64_t begin = std::int64_t{run.first} * mask.block_kv, end = std::min(last_block * mask.block_kv, mask.kv_len);
    const std::int64_t first = begin / n, stop = (end + n - 1) / n, whole_first = (begin + n - 1) / n, whole_end = end / n;
    if (run.kind != TileKind::Full || whole_first >= whole_end) {
      append(tiles, first, stop, TileKind::Partial);
      continue;
    }
    append(tiles, first, whole_first, TileKind::Partial);
    append(tiles, whole_first, whole_end, TileKind::Full);
    append(tiles, whole_end, stop, TileKind::Partial);
  }
}

/// Of the run at hand, seen from tile `at`: its kind there, and where that changes.
std::pair<TileKind, std::int64_t> look(const Run* run, std::int64_t at) {
  constexpr std::int64_t kNever = std::int64_t{1} << 62;
  if (run == nullptr) return {TileKind::Empty, kNever};
  return run->first > at ? std::pair(TileKind::Empty, run->first) : std::pair(run->kind, run->end);
}

/// Tiles that both have of one kind stay so, all others are partial.
void combine(const std::vector<Run>& a, const std::vector<Run>& b, std::vector<Run>& both) {
  both.clear();
  auto left = a.begin(), right = b.begin();
  for (std::int64_t at = 0; left != a.end() || right != b.end();) {
    const auto [kind_a, end_a] = look(left == a.end() ? nullptr : &*left, at);
    const auto [kind_b, end_b] = look(right == b.end() ? nullptr : &*right, at);
    const std::int64_t end = std::min(end_a, end_b);
    const TileKind kind = kind_a == kind_b ? kind_a : TileKind::Partial;
    if (kind != TileKind::Empty) append(both, at, end, kind);
    at = end;
    if (left != a.end() && left->end == at) ++left;
    if (right != b.end() && right->end == at) ++right;
  }
}

/// The runs within [begin, end); where there is none, one masked tile.
void cut(const std::vector<Run>& row, std::int64_t begin, std::int64_t end, std::vector<Run>& part) {
  part.clear();
  for (const Run& run : row) {
    const std::int64_t first = std::max(run.first, begin), stop = std::min(run.end, end);
    if (first < stop) part.push_back({first, stop, run.kind});
  }
  if (part.empty()) part.push_back({begin, begin + 1, TileKind::Partial});
}

/// The items of each group, those with the most tiles first; equal ones stay in their order.
void write_order(const flexc_hopper_arguments& arguments, const std::vector<std::uint32_t>& tiles_of_row, const MaskMetadata& metadata, std::uint32_t* order) {
  const auto heads = static_cast<std::uint32_t>(arguments.heads), pairs = static_cast<std::uint32_t>(arguments.batch) * heads;
  const std::uint32_t most = *std::ranges::max_element(tiles_of_row);
  std::vector<std::uint32_t> place(most + 1);
  for (std::uint32_t first = 0; first < pairs; first += arguments.group_heads) {
    const std::uint32_t group = std::min(arguments.group_heads, pairs - first), base = first * arguments.q_blocks * arguments.splits;
    const auto each = [&](auto visit) {
      for (std::uint32_t step = 0; step < arguments.q_blocks; ++step) {
        const std::uint32_t q_block = arguments.descending ? arguments.q_blocks - 1 - step : step;
        for (std::uint32_t i = 0; i < group; ++i) {
          const std::uint32_t pair = first + i;
          const std::uint32_t row = pair / heads * metadata.batch_rows + pair % heads * metadata.head_rows + q_block * arguments.splits;
          for (std::uint32_t split = 0; split < arguments.splits; ++split) visit(base + (step * group + i) * arguments.splits + split, most - tiles_of_row[row + split]);
        }
      }
    };
    // A counting sort.
    std::ranges::fill(place, 0);
    each([&](std::uint32_t, std::uint32_t key) { ++place[key]; });
    std::uint32_t next = base;
    for (std::uint32_t& count : place) next += std::exchange(count, next);
    each([&](std::uint32_t item, std::uint32_t key) { order[place[key]++] = item; });
  }
}

}  // namespace

void MaskMetadata::point(flexc_hopper_arguments& arguments, std::uint64_t at) const {
  arguments.mask_rows = reinterpret_cast<const flexc_tile_row*>(at);
  arguments.mask_runs = reinterpret_cast<const flexc_tile_run*>(at + rows * sizeof(flexc_tile_row));
  arguments.mask_order = reinterpret_cast<const unsigned*>(at + rows * sizeof(flexc_tile_row) + runs * sizeof(flexc_tile_run));
  arguments.mask_batch_rows = batch_rows, arguments.mask_head_rows = head_rows;
}

Result<MaskMetadata> mask_metadata(const BlockMask& mask, const flexc_hopper_arguments& arguments, std::uint32_t m, std::uint32_t n) {
  if (!has_sound_rows(mask)) return std::unexpected(Error{ErrorKind::Input, "the block mask is damaged: the runs of a row are not in order, or lie outside of it"});
  MaskMetadata metadata;
  const auto planes = static_cast<std::uint32_t>(mask.batches * mask.heads);
  const std::uint32_t plane_rows = arguments.q_blocks * arguments.splits;
  metadata.head_rows = mask.heads > 1 ? plane_rows : 0;
  metadata.batch_rows = mask.batches > 1 ? static_cast<std::uint32_t>(mask.heads) * plane_rows : 0;
  metadata.rows = std::size_t{planes} * plane_rows;
  std::vector<std::uint32_t> row_words, run_words, tiles_of_row;
  std::vector<Run> tiles, block_row, both, part;
  for (std::uint32_t plane = 0; plane < planes; ++plane) {
    const auto plane_row = static_cast<std::size_t>(plane * mask.q_blocks());
    for (std::uint32_t q_block = 0; q_block < arguments.q_blocks; ++q_block) {
      const std::int64_t first = std::int64_t{q_block} * m, end = std::min<std::int64_t>(first + m, mask.q_len);
      const auto block = static_cast<std::size_t>(first / mask.block_q), last = static_cast<std::size_t>((end - 1) / mask.block_q);
      for (std::size_t row = block; row <= last; ++row) {
        tiles_of_block_row(mask, plane_row + row, n, row == block ? tiles : block_row);
        if (row == block) continue;
        combine(tiles, block_row, both);
        tiles.swap(both);
      }
      for (std::uint32_t split = 0; split < arguments.splits; ++split) {
        const std::int64_t begin = std::int64_t{split} * arguments.split_tiles;
        cut(tiles, begin, begin + arguments.split_tiles, part);
        row_words.push_back(static_cast<std::uint32_t>(run_words.size() / kRunWords));
        std::uint32_t count = 0;
        for (const Run& run : part) {
          const auto length = static_cast<std::uint32_t>(run.end - run.first);
          run_words.push_back(static_cast<std::uint32_t>(run.first));
          run_words.push_back(length << 1 | (run.kind == TileKind::Full ? 1 : 0));
          count += length;
        }
        row_words.push_back(count);
        tiles_of_row.push_back(count);
      }
    }
  }
  run_words.resize(run_words.size() + kRunWords);  // the one that may be read
  metadata.runs = run_words.size() / kRunWords;
  const std::uint64_t copies = std::uint64_t{static_cast<std::uint32_t>(arguments.batch)} * static_cast<std::uint32_t>(arguments.heads) / planes;
  for (const std::uint32_t count : tiles_of_row) metadata.tiles += copies * count;
  metadata.words = std::move(row_words);
  metadata.words.insert(metadata.words.end(), run_words.begin(), run_words.end());
  const std::size_t order = metadata.words.size();
  metadata.words.resize(order + arguments.items);
  write_order(arguments, tiles_of_row, metadata, metadata.words.data() + order);
  return metadata;
}

std::uint64_t most_mask_words(const BlockMask& mask, std::uint64_t items, std::uint32_t least_m, std::uint64_t splits) {
  // A row of tiles touches at most as many rows of blocks as fit into it, and one more; so a row of blocks is in at most block_q / m + 2 rows of tiles. Kinds
  // change at the ends of runs alone, where a partial tile may come between.
  const std::uint64_t planes = static_cast<std::uint64_t>(mask.batches * mask.heads);
  const std::uint64_t rows = planes * ((static_cast<std::uint64_t>(mask.q_len) + least_m - 1) / least_m) * splits;
  // A cut makes one run more at most.
  const std::uint64_t runs = 3 * mask.runs.size() * (static_cast<std::uint64_t>(mask.block_q) / least_m + 2) + rows + 1;
  return rows * kRowWords + runs * kRunWords + items;
}

}  // namespace flexc::runtime
