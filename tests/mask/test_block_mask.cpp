#include <catch2/catch.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "flexc/block_mask.h"

using namespace flexc;

namespace {

std::int64_t draw(std::mt19937_64& random, std::int64_t low, std::int64_t high) { return std::uniform_int_distribution<std::int64_t>(low, high)(random); }

BlockMask random_shape(std::mt19937_64& random) {
  BlockMask shape;
  shape.batches = draw(random, 1, 3);
  shape.heads = draw(random, 1, 3);
  shape.q_len = draw(random, 0, 9) == 0 ? 0 : draw(random, 1, 60);
  shape.kv_len = draw(random, 0, 9) == 0 ? 0 : draw(random, 1, 60);
  shape.q_offset = draw(random, 0, 1) == 0 ? 0 : draw(random, -100, 100);
  shape.kv_offset = draw(random, 0, 1) == 0 ? 0 : draw(random, -100, 100);
  shape.block_q = static_cast<std::int32_t>(draw(random, 1, 17));
  shape.block_kv = static_cast<std::int32_t>(draw(random, 1, 17));
  return shape;
}

std::vector<std::uint8_t> random_map(std::mt19937_64& random, const BlockMask& shape) {
  std::vector<std::uint8_t> map(static_cast<std::size_t>(shape.rows() * shape.kv_blocks()));
  // Long runs and single tiles both.
  const std::int64_t persistence = draw(random, 0, 8);
  std::uint8_t kind = 0;
  for (auto& tile : map) {
    if (draw(random, 0, persistence) == 0) kind = static_cast<std::uint8_t>(draw(random, 0, 2));
    tile = kind;
  }
  return map;
}

/// The invariants that the header states.
void check_form(const BlockMask& mask) {
  REQUIRE(static_cast<std::int64_t>(mask.row_begin.size()) == mask.rows() + 1);
  REQUIRE(mask.row_begin.front() == 0);
  REQUIRE(mask.row_begin.back() == mask.runs.size());
  for (std::size_t row = 0; row + 1 < mask.row_begin.size(); ++row) {
    REQUIRE(mask.row_begin[row] <= mask.row_begin[row + 1]);
    for (std::size_t i = mask.row_begin[row]; i < mask.row_begin[row + 1]; ++i) {
      const TileRun& run = mask.runs[i];
      REQUIRE(run.count > 0);
      REQUIRE(run.kind != TileKind::Empty);
      REQUIRE(run.first + run.count <= mask.kv_blocks());
      if (i == mask.row_begin[row]) continue;
      const TileRun& left = mask.runs[i - 1];
      REQUIRE(left.first + left.count <= run.first);
      if (left.first + left.count == run.first) REQUIRE(left.kind != run.kind);
    }
  }
}

bool same(const BlockMask& a, const BlockMask& b) {
  return a.batches == b.batches && a.heads == b.heads && a.q_len == b.q_len && a.kv_len == b.kv_len && a.q_offset == b.q_offset && a.kv_offset == b.kv_offset && a.block_q == b.block_q &&
         a.block_kv == b.block_kv && a.row_begin == b.row_begin && a.runs == b.runs;
}

constexpr int kSeeds = 400;

}  // namespace

TEST_CASE("from_dense and dense are inverse, and the form holds its invariants") {
  for (int seed = 0; seed < kSeeds; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    const BlockMask shape = random_shape(random);
    const auto map = random_map(random, shape);
    const BlockMask mask = BlockMask::from_dense(shape, map);
    check_form(mask);
    REQUIRE(mask.dense() == map);
    REQUIRE(same(BlockMask::from_dense(shape, mask.dense()), mask));
    BlockMask::Counts counts;
    for (std::uint8_t tile : map) ++(tile == 0 ? counts.empty : tile == 1 ? counts.partial : counts.full);
    REQUIRE(mask.counts() == counts);
    REQUIRE(mask.bytes() == mask.row_begin.size() * sizeof(std::uint64_t) + mask.runs.size() * sizeof(TileRun));
  }
}

TEST_CASE("transposed holds the same tiles by kv-block, and twice is the identity") {
  for (int seed = 0; seed < kSeeds; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    const BlockMask shape = random_shape(random);
    const auto map = random_map(random, shape);
    const BlockMask mask = BlockMask::from_dense(shape, map), turned = mask.transposed();
    check_form(turned);
    const auto turned_map = turned.dense();
    REQUIRE(turned_map.size() == map.size());
    const std::int64_t rows = mask.q_blocks(), columns = mask.kv_blocks();
    for (std::int64_t plane = 0; plane < mask.batches * mask.heads; ++plane)
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j)
          REQUIRE(turned_map[static_cast<std::size_t>((plane * columns + j) * rows + i)] == map[static_cast<std::size_t>((plane * rows + i) * columns + j)]);
    REQUIRE(same(turned.transposed(), mask));
  }
}

TEST_CASE("brute force agrees with a classification from a table of pairs") {
  for (int seed = 0; seed < kSeeds; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    const BlockMask shape = random_shape(random);
    const std::int64_t window = draw(random, 0, 30), stride = draw(random, 1, 4), kind = draw(random, 0, 4);
    const MaskPredicate predicate = [&](std::int64_t b, std::int64_t h, std::int64_t q, std::int64_t k) {
      switch (kind) {
        case 0: return q >= k;
        case 1: return q >= k && q - k <= window + b;
        case 2: return (q - k) % stride == 0;
        case 3: return (q * 7 + k * 13 + h * 5 + b) % 11 < 9;
        default: return k < window + shape.kv_offset;
      }
    };
    std::int64_t kept = -1;
    const BlockMask mask = brute_force_block_mask(shape, predicate, &kept);
    check_form(mask);
    // The other way around: first every pair is counted into its tile, by division, and only then are tiles judged.
    struct Tile { std::int64_t pairs = 0, kept = 0; };
    std::vector<Tile> tiles(static_cast<std::size_t>(shape.rows() * shape.kv_blocks()));
    std::int64_t kept_in_all = 0;
    for (std::int64_t b = 0; b < shape.batches; ++b)
      for (std::int64_t h = 0; h < shape.heads; ++h)
        for (std::int64_t i = 0; i < shape.q_len; ++i)
          for (std::int64_t j = 0; j < shape.kv_len; ++j) {
            const std::int64_t row = (b * shape.heads + h) * shape.q_blocks() + i / shape.block_q;
            Tile& tile = tiles[static_cast<std::size_t>(row * shape.kv_blocks() + j / shape.block_kv)];
            ++tile.pairs;
            if (predicate(b, h, i + shape.q_offset, j + shape.kv_offset)) ++tile.kept, ++kept_in_all;
          }
    REQUIRE(kept == kept_in_all);
    const auto map = mask.dense();
    REQUIRE(map.size() == tiles.size());
    for (std::size_t t = 0; t < tiles.size(); ++t) REQUIRE(map[t] == (tiles[t].kept == 0 ? 0 : tiles[t].kept == tiles[t].pairs ? 2 : 1));
  }
}

TEST_CASE("tiles at the edge are judged by the pairs that exist") {
  BlockMask shape;
  shape.q_len = 130;
  shape.kv_len = 257;
  const BlockMask all = brute_force_block_mask(shape, [](auto, auto, auto, auto) { return true; });
  CHECK(all.counts() == BlockMask::Counts{0, 0, 6});
  CHECK(all.runs == std::vector<TileRun>{{0, 3, TileKind::Full}, {0, 3, TileKind::Full}});
  const BlockMask causal = brute_force_block_mask(shape, [](auto, auto, auto q, auto k) { return q >= k; });
  CHECK(causal.dense() == std::vector<std::uint8_t>{1, 0, 0, 2, 1, 0});
}

TEST_CASE("zero lengths give a mask without tiles") {
  for (const auto& [q_len, kv_len] : {std::pair{0, 0}, {0, 5}, {5, 0}}) {
    BlockMask shape;
    shape.q_len = q_len;
    shape.kv_len = kv_len;
    const BlockMask mask = brute_force_block_mask(shape, [](auto, auto, auto, auto) { return true; });
    check_form(mask);
    CHECK(mask.counts() == BlockMask::Counts{});
    CHECK(mask.runs.empty());
    CHECK(same(mask.transposed().transposed(), mask));
    std::string why;
    BlockMask back;
    CHECK(from_flex_attention(to_flex_attention(mask), shape, &back, &why));
    CHECK(same(back, mask));
  }
}

TEST_CASE("a uniform dimension is stored and counted once") {
  BlockMask shape;
  shape.q_len = shape.kv_len = 512;
  std::int64_t evaluations = 0;
  const BlockMask mask = brute_force_block_mask(shape, [&](auto b, auto h, auto q, auto k) { return ++evaluations, b == 0 && h == 0 && q >= k; });
  CHECK(evaluations == 512 * 512);
  CHECK(mask.counts() == BlockMask::Counts{6, 4, 6});
}

TEST_CASE("the transpose costs what the runs cost, not the area") {
  // 2^14 x 2^14 blocks of causal: a dense map would take 256 MiB, the two CSR forms about 1 MiB.
  BlockMask causal;
  causal.q_len = causal.kv_len = std::int64_t{128} << 14;
  causal.row_begin.push_back(0);
  for (std::uint32_t i = 0; i < (1u << 14); ++i) {
    if (i > 0) causal.runs.push_back({0, i, TileKind::Full});
    causal.runs.push_back({i, 1, TileKind::Partial});
    causal.row_begin.push_back(causal.runs.size());
  }
  const BlockMask turned = causal.transposed();
  CHECK(turned.runs.size() == causal.runs.size());
  CHECK(turned.runs[0] == TileRun{0, 1, TileKind::Partial});
  CHECK(turned.runs[1] == TileRun{1, (1u << 14) - 1, TileKind::Full});
  CHECK(same(turned.transposed(), causal));
}
