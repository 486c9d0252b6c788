// Interchange with PyTorch FlexAttention's BlockMask tensors.
#include <cstdint>
#include <fmt/format.h>

#include "flexc/block_mask.h"

namespace flexc {
namespace {

/// One of the two pairs of arrays: counts a row, and index lists that begin with the tiles of this kind. As PyTorch's stable
/// argsort leaves it, the other tiles follow in order, so every list is a permutation of all kv-blocks.
void fill_lists(const std::vector<std::uint8_t>& map, TileKind kind, std::size_t columns, std::vector<std::int32_t>& counts, std::vector<std::int32_t>& indices) {
  indices.reserve(map.size());
  for (std::size_t row = 0; row < counts.size(); ++row) {
    for (const bool listed : {true, false})
      for (std::size_t column = 0; column < columns; ++column)
        if ((map[row * columns + column] == static_cast<std::uint8_t>(kind)) == listed) {
          indices.push_back(static_cast<std::int32_t>(column));
          counts[row] += listed;
        }
  }
}

}  // namespace

FlexAttentionBlocks to_flex_attention(const BlockMask& mask) {
  FlexAttentionBlocks out{mask.batches, mask.heads, mask.q_blocks(), mask.kv_blocks(), {}, {}, {}, {}};
  const std::vector<std::uint8_t> map = mask.dense();
  const auto rows = static_cast<std::size_t>(mask.rows()), columns = static_cast<std::size_t>(mask.kv_blocks());
  out.kv_num_blocks.assign(rows, 0);
  out.full_kv_num_blocks.assign(rows, 0);
  fill_lists(map, TileKind::Partial, columns, out.kv_num_blocks, out.kv_indices);
  fill_lists(map, TileKind::Full, columns, out.full_kv_num_blocks, out.full_kv_indices);
  return out;
}

bool from_flex_attention(const FlexAttentionBlocks& blocks, const BlockMask& shape, BlockMask* mask, std::string* why) {
  *mask = BlockMask{};
  const auto failure = [&](std::string text) {
    if (why != nullptr) *why = std::move(text);
    return false;
  };
  if (shape.batches < 0 || shape.heads < 0 || shape.q_len < 0 || shape.kv_len < 0 || shape.block_q < 1 || shape.block_kv < 1)
    return failure("the shape has a negative extent or a block below 1");
  if (shape.q_len > INT64_MAX - shape.block_q || shape.kv_len > INT64_MAX - shape.block_kv) return failure("the shape is larger than any memory");
  const std::int64_t q_blocks = shape.q_blocks(), kv_blocks = shape.kv_blocks();
  if (blocks.batches != shape.batches || blocks.heads != shape.heads || blocks.q_blocks != q_blocks || blocks.kv_blocks != kv_blocks)
    return failure(fmt::format("the arrays are for [{}, {}, {}, {}] blocks, and [{}, {}, {}, {}] are expected", blocks.batches, blocks.heads, blocks.q_blocks, blocks.kv_blocks,
                               shape.batches, shape.heads, q_blocks, kv_blocks));
  std::int64_t rows = 0, tiles = 0;
  if (__builtin_mul_overflow(shape.batches, shape.heads, &rows) || __builtin_mul_overflow(rows, q_blocks, &rows) || __builtin_mul_overflow(rows, kv_blocks, &tiles) || kv_blocks > INT32_MAX)
    return failure("the shape is larger than any memory");

  const struct { const char* name; const std::vector<std::int32_t>&counts, &indices; TileKind kind; bool optional; } pairs[] = {
      {"kv", blocks.kv_num_blocks, blocks.kv_indices, TileKind::Partial, false}, {"full_kv", blocks.full_kv_num_blocks, blocks.full_kv_indices, TileKind::Full, true}};
  const auto is_left_out = [](const auto& pair) { return pair.optional && pair.counts.empty() && pair.indices.empty(); };
  for (const auto& pair : pairs) {  // sizes first: the map below is then no larger than what was given
    if (is_left_out(pair)) continue;
    if (static_cast<std::int64_t>(pair.counts.size()) != rows) return failure(fmt::format("{}_num_blocks has {} entries, and {} are expected", pair.name, pair.counts.size(), rows));
    if (static_cast<std::int64_t>(pair.indices.size()) != tiles) return failure(fmt::format("{}_indices has {} entries, and {} are expected", pair.name, pair.indices.size(), tiles));
  }
  std::vector<std::uint8_t> map(static_cast<std::size_t>(tiles), static_cast<std::uint8_t>(TileKind::Empty));
  for (const auto& pair : pairs) {
    if (is_left_out(pair)) continue;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int32_t count = pair.counts[static_cast<std::size_t>(row)];
      if (count < 0 || count > kv_blocks) return failure(fmt::format("{}_num_blocks of row {} is {}, outside 0…{}", pair.name, row, count, kv_blocks));
      for (std::int64_t i = row * kv_blocks; i < row * kv_blocks + count; ++i) {
        const std::int32_t index = pair.indices[static_cast<std::size_t>(i)];
        if (index < 0 || index >= kv_blocks) return failure(fmt::format("{}_indices of row {} holds {}, outside 0…{}", pair.name, row, index, kv_blocks - 1));
        std::uint8_t& tile = map[static_cast<std::size_t>(row * kv_blocks + index)];
        if (tile != static_cast<std::uint8_t>(TileKind::Empty)) return failure(fmt::format("row {} lists kv-block {} twice", row, index));
        tile = static_cast<std::uint8_t>(pair.kind);
      }
    }
  }
  *mask = BlockMask::from_dense(shape, map);
  return true;
}

}  // namespace flexc
