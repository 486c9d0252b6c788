#include <catch2/catch.hpp>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "flexc/block_mask.h"

using namespace flexc;

namespace {

BlockMask three_by_four() {
  BlockMask shape;
  shape.q_len = 3 * 128;
  shape.kv_len = 4 * 128;
  return BlockMask::from_dense(shape, {1, 0, 2, 1, 0, 0, 0, 0, 2, 2, 2, 1});
}

std::string refusal(const FlexAttentionBlocks& blocks, const BlockMask& shape) {
  BlockMask mask = three_by_four();
  std::string why;
  CHECK_FALSE(from_flex_attention(blocks, shape, &mask, &why));
  CHECK(mask.runs.empty());
  CHECK(mask.row_begin.empty());
  CHECK_FALSE(why.empty());
  return why;
}

}  // namespace

TEST_CASE("the arrays are laid out as PyTorch's") {
  const FlexAttentionBlocks blocks = to_flex_attention(three_by_four());
  CHECK((blocks.batches == 1 && blocks.heads == 1 && blocks.q_blocks == 3 && blocks.kv_blocks == 4));
  CHECK(blocks.kv_num_blocks == std::vector<std::int32_t>{2, 0, 1});
  CHECK(blocks.full_kv_num_blocks == std::vector<std::int32_t>{1, 0, 3});
  // argsort(descending, stable): the tiles of the kind first, the others after them.
  CHECK(blocks.kv_indices == std::vector<std::int32_t>{0, 3, 1, 2, 0, 1, 2, 3, 3, 0, 1, 2});
  CHECK(blocks.full_kv_indices == std::vector<std::int32_t>{2, 0, 1, 3, 0, 1, 2, 3, 0, 1, 2, 3});
}

TEST_CASE("there and back is the identity, in any order of the indices") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    BlockMask shape;
    shape.batches = static_cast<std::int64_t>(random() % 3 + 1);
    shape.heads = static_cast<std::int64_t>(random() % 3 + 1);
    shape.q_len = static_cast<std::int64_t>(random() % 40);
    shape.kv_len = static_cast<std::int64_t>(random() % 40);
    shape.block_q = static_cast<std::int32_t>(random() % 7 + 1);
    shape.block_kv = static_cast<std::int32_t>(random() % 7 + 1);
    std::vector<std::uint8_t> map(static_cast<std::size_t>(shape.rows() * shape.kv_blocks()));
    for (auto& tile : map) tile = static_cast<std::uint8_t>(random() % 3);
    const BlockMask mask = BlockMask::from_dense(shape, map);
    FlexAttentionBlocks blocks = to_flex_attention(mask);
    for (std::size_t row = 0; row < blocks.kv_num_blocks.size(); ++row) {
      const auto begin = blocks.kv_indices.begin() + static_cast<std::ptrdiff_t>(row) * blocks.kv_blocks;
      std::shuffle(begin, begin + blocks.kv_num_blocks[row], random);
    }
    BlockMask back;
    std::string why;
    REQUIRE(from_flex_attention(blocks, shape, &back, &why));
    REQUIRE(back.runs == mask.runs);
    REQUIRE(back.row_begin == mask.row_begin);
  }
}

TEST_CASE("entries past a row's count are not read, and the full pair may be missing") {
  const BlockMask shape = three_by_four();
  FlexAttentionBlocks blocks = to_flex_attention(shape);
  blocks.kv_indices[2] = -77;
  blocks.kv_indices[3] = INT32_MAX;
  BlockMask back;
  std::string why;
  CHECK(from_flex_attention(blocks, shape, &back, &why));
  blocks.full_kv_num_blocks.clear();
  blocks.full_kv_indices.clear();
  CHECK(from_flex_attention(blocks, shape, &back, &why));
  CHECK(back.counts() == BlockMask::Counts{9, 3, 0});
}

TEST_CASE("hostile arrays are refused, and the words say why") {
  const BlockMask shape = three_by_four();
  const FlexAttentionBlocks good = to_flex_attention(shape);
  using Catch::Contains;
  const auto spoilt = [&](auto&& spoil) {
    FlexAttentionBlocks blocks = good;
    spoil(blocks);
    return refusal(blocks, shape);
  };
  for (std::int32_t index : {-1, 4, INT32_MAX, INT32_MIN}) CHECK_THAT(spoilt([&](auto& b) { b.kv_indices[0] = index; }), Contains(std::to_string(index)) && Contains("outside 0…3"));
  for (std::int32_t count : {-1, 5, INT32_MAX, INT32_MIN}) CHECK_THAT(spoilt([&](auto& b) { b.kv_num_blocks[1] = count; }), Contains("row 1") && Contains(std::to_string(count)));
  CHECK_THAT(spoilt([](auto& b) { b.kv_indices[1] = 0; }), Contains("row 0 lists kv-block 0 twice"));
  CHECK_THAT(spoilt([](auto& b) { b.full_kv_indices[0] = 3; }), Contains("row 0 lists kv-block 3 twice"));  // partial and full at once
  CHECK_THAT(spoilt([](auto& b) { b.kv_num_blocks.pop_back(); }), Contains("kv_num_blocks has 2 entries"));
  CHECK_THAT(spoilt([](auto& b) { b.kv_indices.push_back(0); }), Contains("kv_indices has 13 entries"));
  CHECK_THAT(spoilt([](auto& b) { b.full_kv_indices.clear(); }), Contains("full_kv_indices has 0 entries"));
  CHECK_THAT(spoilt([](auto& b) { b.heads = 2; }), Contains("[1, 2, 3, 4]"));
  CHECK_THAT(spoilt([](auto& b) { b.kv_blocks = INT64_MAX; }), Contains("expected"));
  CHECK_THAT(spoilt([](auto& b) { b.kv_num_blocks.clear(), b.kv_indices.clear(); }), Contains("0 entries"));
}

TEST_CASE("hostile shapes are refused") {
  const FlexAttentionBlocks good = to_flex_attention(three_by_four());
  const auto with = [&](auto&& spoil) {
    BlockMask shape = three_by_four();
    spoil(shape);
    FlexAttentionBlocks blocks = good;
    blocks.batches = shape.batches;
    blocks.heads = shape.heads;
    if (shape.block_q > 0 && shape.q_len >= 0 && shape.q_len < INT64_MAX / 2) blocks.q_blocks = shape.q_blocks();
    return refusal(blocks, shape);
  };
  with([](BlockMask& s) { s.block_q = 0; });
  with([](BlockMask& s) { s.block_kv = -5; });
  with([](BlockMask& s) { s.q_len = -1; });
  with([](BlockMask& s) { s.q_len = INT64_MAX; });
  with([](BlockMask& s) { s.batches = INT64_MAX; });
  with([](BlockMask& s) { s.batches = INT64_MAX / 2, s.heads = 3; });
  with([](BlockMask& s) { s.heads = -1; });
}
