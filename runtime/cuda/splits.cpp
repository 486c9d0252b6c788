#include "runtime/cuda/splits.h"

#include <algorithm>

namespace flexc::runtime {
namespace {

// What the count assumes. None of it has been measured on a GPU (docs/gpu_questions.md).
constexpr std::int64_t kMultiprocessors = 132;             // of an H100 and an H200
constexpr std::int64_t kCountedRows = 128, kCountedKeys = 128;  // of a tile
constexpr std::int64_t kLeastTiles = 4;                    // of a part
constexpr std::int64_t kRowsOfATile = 16;                  // whose state takes about as long to write and to merge as a tile of keys takes
constexpr std::int64_t kGain = 8;   // the share of the time that has to be gained is one in so many …
constexpr std::int64_t kNear = 16;  // … and the fewest parts are taken whose time is as near to the least

std::int64_t divide_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step; }

}  // namespace

std::int64_t automatic_split(std::int64_t heads, std::int64_t q_len, std::int64_t kv_len) {
  const std::int64_t items = heads * divide_up(q_len, kCountedRows), tiles = divide_up(kv_len, kCountedKeys);
  const std::int64_t most = std::min(tiles / kLeastTiles, kMultiprocessors);
  if (most < 2 || items >= kMultiprocessors * tiles) return 1;
  const auto time = [&](std::int64_t parts) {
    const std::int64_t state = parts == 1 ? 0 : divide_up(std::min(q_len, kCountedRows), kRowsOfATile);
    return divide_up(items * parts, kMultiprocessors) * (divide_up(tiles, parts) + 1 + state);
  };
  std::int64_t least = time(1);
  for (std::int64_t parts = 2; parts <= most; ++parts) least = std::min(least, time(parts));
  if (least >= time(1) - time(1) / kGain) return 1;
  std::int64_t parts = 2;
  while (time(parts) > least + least / kNear) ++parts;
  return parts;
}

KeyParts cut_keys(std::int64_t kv_len, std::uint32_t tile_n, std::int64_t wanted) {
  const std::int64_t tiles = std::max<std::int64_t>(divide_up(kv_len, tile_n), 1);
  const std::int64_t of_a_part = divide_up(tiles, std::clamp<std::int64_t>(wanted, 1, tiles));
  return {static_cast<std::uint32_t>(divide_up(tiles, of_a_part)), static_cast<std::uint32_t>(of_a_part)};
}

}  // namespace flexc::runtime
