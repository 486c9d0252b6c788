// Block masks as the Hopper kernel reads them. On the host: runs of the kernel's tiles are what the mask's blocks say, items come in the order of their
// cost. On the model: members with a mask of pairs visit just these tiles, whatever the blocks, and no bit depends on them; false metadata is noticed.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>

#include "tests/hopper_model/forward_problem.h"

using namespace hopper_model;
using flexc::BlockMask;
using flexc::TileKind;
using flexc::runtime::mask_metadata;
using flexc::runtime::MaskMetadata;

namespace {

/// Blocks of a random kind in stretches; `share` of them are empty.
BlockMask random_mask(std::mt19937_64& random, BlockMask shape) {
  std::vector<std::uint8_t> map(static_cast<std::size_t>(shape.rows() * shape.kv_blocks()));
  std::uint8_t kind = 0;
  const unsigned stretch = 1 + random() % 4;
  for (std::uint8_t& each : map) each = kind = random() % stretch == 0 ? static_cast<std::uint8_t>(random() % 3) : kind;
  return BlockMask::from_dense(shape, map);
}

/// What the pairs of a tile say: full if all blocks are, empty if all are, else partial; a tile that reaches beyond the last key is partial.
TileKind kind_of_tile(const BlockMask& mask, const std::vector<std::uint8_t>& dense, std::int64_t plane, std::int64_t q0, std::int64_t q1, std::int64_t k0, std::int64_t n) {
  const std::int64_t k1 = std::min(k0 + n, mask.kv_len);
  bool any = false, all = k0 + n <= mask.kv_len;
  for (std::int64_t q = q0 / mask.block_q; q <= (q1 - 1) / mask.block_q; ++q) {
    for (std::int64_t k = k0 / mask.block_kv; k <= (k1 - 1) / mask.block_kv; ++k) {
      const auto kind = static_cast<TileKind>(dense[static_cast<std::size_t>((plane * mask.q_blocks() + q) * mask.kv_blocks() + k)]);
      any |= kind != TileKind::Empty;
      all &= kind == TileKind::Full;
    }
  }
  return all ? TileKind::Full : any ? TileKind::Partial : TileKind::Empty;
}

std::uint64_t loads_of(const model::LaunchResult& result, const std::string& site) {
  for (const model::SiteRecord& each : result.sites)
    if (each.name == site) return each.calls;
  return 0;
}

}  // namespace

TEST_CASE("metadata: tiles follow from blocks of any size, items are in the order of their cost") {
  std::mt19937_64 random(7);
  constexpr std::uint32_t kRows[] = {128, 192}, kColumns[] = {32, 64, 80, 128, 176};
  constexpr std::int32_t kBlocks[] = {1, 16, 50, 64, 128, 192, 256, 1000};
  std::uint64_t tiles_seen = 0;
  for (int round = 0; round < 400; ++round) {
    const auto pick = [&](const auto& values) { return values[random() % std::size(values)]; };
    const std::uint32_t m = pick(kRows), n = pick(kColumns);
    model::ForwardShape shape;
    shape.batch = 1 + static_cast<int>(random() % 3), shape.heads = 1 + static_cast<int>(random() % 5), shape.kv_heads = 1;
    shape.q_len = 1 + static_cast<int>(random() % 700), shape.kv_len = static_cast<int>(random() % 900);
    shape.head_dim = shape.value_dim = 64, shape.tile_m = m, shape.tile_n = n;
    BlockMask frame;
    frame.batches = random() % 2 ? shape.batch : 1, frame.heads = random() % 2 ? shape.heads : 1;
    frame.q_len = shape.q_len, frame.kv_len = shape.kv_len;
    frame.block_q = pick(kBlocks), frame.block_kv = pick(kBlocks);
    const BlockMask mask = random_mask(random, frame);
    const auto group = static_cast<std::uint32_t>(random() % 4);
    const bool descending = random() % 2;
    alignas(64) static std::uint16_t memory[64];
    const model::ForwardTensor tensor{memory, 64, 64, 64};
    auto arguments = flexc::runtime::plan_forward(shape, tensor, tensor, tensor, tensor, descending, group).arguments;
    const auto metadata = mask_metadata(mask, arguments, m, n);
    REQUIRE(metadata.has_value());
    metadata->point(arguments, reinterpret_cast<std::uintptr_t>(metadata->words.data()));
    INFO("round " << round);
    CHECK(metadata->words.size() <= flexc::runtime::most_mask_words(mask, arguments.items, 128, arguments.splits));
    REQUIRE(metadata->words.size() == 2 * metadata->rows + 2 * metadata->runs + arguments.items);

    const std::vector<std::uint8_t> dense = mask.dense();
    const std::int64_t columns = (mask.kv_len + n - 1) / n;
    bool same = true;
    for (std::int64_t b = 0; b < shape.batch; ++b) {
      for (std::int64_t h = 0; h < shape.heads; ++h) {
        for (std::uint32_t block = 0; block < arguments.q_blocks; ++block) {
          const flexc_tile_row row = arguments.mask_rows[b * arguments.mask_batch_rows + h * arguments.mask_head_rows + block];
          std::vector<TileKind> kinds(static_cast<std::size_t>(std::max<std::int64_t>(columns, 1)), TileKind::Empty), wanted = kinds;
          std::uint32_t count = 0, before = 0;
          for (const flexc_tile_run* run = arguments.mask_runs + row.first_run; count < row.tiles; ++run) {
            const std::uint32_t length = run->count_and_full >> 1;
            REQUIRE(length > 0);
            REQUIRE(run->first >= before);
            before = run->first + length;
            REQUIRE(before <= kinds.size());
            std::fill_n(kinds.begin() + run->first, length, (run->count_and_full & 1) != 0 ? TileKind::Full : TileKind::Partial);
            count += length;
          }
          const std::int64_t plane = (mask.batches == 1 ? 0 : b) * mask.heads + (mask.heads == 1 ? 0 : h), q0 = std::int64_t{block} * m;
          for (std::int64_t column = 0; column < columns; ++column)
            wanted[static_cast<std::size_t>(column)] = kind_of_tile(mask, dense, plane, q0, std::min<std::int64_t>(q0 + m, mask.q_len), column * n, n);
          if (std::ranges::all_of(wanted, [](TileKind kind) { return kind == TileKind::Empty; })) wanted[0] = TileKind::Partial;
          same &= kinds == wanted && count == row.tiles;
          tiles_seen += count;
        }
      }
    }
    CHECK(same);

    // Every item once, in its group, and none before one with more tiles.
    std::vector<bool> seen(arguments.items);
    const auto pairs = static_cast<std::uint32_t>(shape.batch * shape.heads);
    bool ordered = true;
    for (std::uint32_t first = 0; first < pairs; first += arguments.group_heads) {
      const std::uint32_t heads = std::min(arguments.group_heads, pairs - first), base = first * arguments.q_blocks;
      std::uint32_t last = ~0u;
      for (std::uint32_t place = 0; place < heads * arguments.q_blocks; ++place) {
        const std::uint32_t item = arguments.mask_order[base + place], in_group = item - base;
        REQUIRE(in_group < heads * arguments.q_blocks);
        ordered &= !seen[item];
        seen[item] = true;
        const std::uint32_t pair = first + in_group % heads, step = in_group / heads, block = descending ? arguments.q_blocks - 1 - step : step;
        const std::uint32_t tiles = arguments
                                        .mask_rows[pair / static_cast<std::uint32_t>(shape.heads) * arguments.mask_batch_rows +
                                                   pair % static_cast<std::uint32_t>(shape.heads) * arguments.mask_head_rows + block]
                                        .tiles;
        ordered &= tiles <= last;
        last = tiles;
      }
    }
    CHECK(ordered);
  }
  CHECK(tiles_seen > 10000);
}

TEST_CASE("metadata: damaged runs are refused") {
  model::ForwardShape shape;
  shape.q_len = 256, shape.kv_len = 512, shape.head_dim = shape.value_dim = 64;
  alignas(64) static std::uint16_t memory[64];
  const model::ForwardTensor tensor{memory, 64, 64, 64};
  const auto arguments = flexc::runtime::plan_forward(shape, tensor, tensor, tensor, tensor, false, 0).arguments;
  BlockMask good;
  good.q_len = 256, good.kv_len = 512;
  good.row_begin = {0, 2, 3}, good.runs = {{0, 1, TileKind::Full}, {2, 1, TileKind::Partial}, {1, 3, TileKind::Full}};
  CHECK(mask_metadata(good, arguments, 128, 128).has_value());
  const auto refused = [&](auto damage) {
    BlockMask bad = good;
    damage(bad);
    const auto metadata = mask_metadata(bad, arguments, 128, 128);
    CHECK_FALSE(metadata.has_value());
    if (!metadata) CHECK(metadata.error().kind == flexc::ErrorKind::Input);
  };
  refused([](BlockMask& mask) { mask.runs[1].first = 0; });
  refused([](BlockMask& mask) { mask.runs[1].first = 4; });
  refused([](BlockMask& mask) { mask.runs[2].count = 4; });
  refused([](BlockMask& mask) { mask.runs[2].count = ~0u; });
  refused([](BlockMask& mask) { mask.runs[0].count = 0; });
  refused([](BlockMask& mask) { mask.row_begin[1] = 4; });
  refused([](BlockMask& mask) { mask.row_begin = {2, 1, 3}; });
}

TEST_CASE("forward kernel: no bit depends on the block mask, and only its tiles are visited") {
  for (const char* name : {"mask with a table", "band and mask", "scattered"}) {
    const ForwardKernel& kernel = forward_kernel(name);
    for (const auto& [batch, heads, q_len, kv_len] : {std::tuple{2, 2, 199, 333}, {1, 2, 130, 128}, {1, 1, 1, 1}}) {
      ForwardProblem problem(kernel, batch, heads, 1, q_len, kv_len);
      model::LaunchOptions plain = schedule(model::Policy::Random, 1);
      const auto without = problem.run(plain);
      REQUIRE(without.reports.empty());
      CHECK(problem.judge() == "");
      const auto out = problem.out();
      const auto lse = problem.lse();
      for (const auto& [block_q, block_kv, group] : {std::tuple{static_cast<int>(kernel.m), static_cast<int>(kernel.n), 0u}, {50, 16, 1u}, {64, 200, 0u}}) {
        const BlockMask mask = problem.exact_mask(block_q, block_kv);
        problem.set_mask(&mask, group);
        for (const model::Policy policy : {model::Policy::Earliest, model::Policy::Latest, model::Policy::Random}) {
          model::LaunchOptions options = schedule(policy, group);
          options.record_sites = true;
          const auto result = problem.run(options);
          INFO(name << ", " << q_len << " x " << kv_len << ", blocks " << block_q << " x " << block_kv << ", " << model::policy_name(policy)
                    << (result.reports.empty() ? "" : ": " + result.reports.front().text));
          REQUIRE(result.reports.empty());
          CHECK(problem.out() == out);
          CHECK(problem.lse() == lse);
          // A head dim of 64 is one panel: one load a tile.
          CHECK(loads_of(result, "load_k") == problem.metadata().tiles);
          CHECK(loads_of(result, "load_v") == problem.metadata().tiles);
        }
      }
      problem.set_mask(nullptr);
    }
  }
}

TEST_CASE("forward kernel: a block mask that is false is noticed") {
  // A tile too few; a tile that is not masked. (A tile too many is masked, and changes nothing.)
  int dropped = 0, unmasked = 0, dropped_noticed = 0, unmasked_noticed = 0;
  for (const char* name : {"mask with a table", "band and mask", "scattered"}) {
    const ForwardKernel& kernel = forward_kernel(name);
    ForwardProblem problem(kernel, 1, 1, 1, 260, 400);
    REQUIRE(problem.run(schedule(model::Policy::Random, 1)).reports.empty());
    const auto out = problem.out();
    const auto lse = problem.lse();
    const auto differs = [&] { return problem.out() != out || problem.lse() != lse; };
    const BlockMask mask = problem.exact_mask(static_cast<int>(kernel.m), static_cast<int>(kernel.n));
    const std::vector<std::uint8_t> dense = mask.dense();
    for (std::size_t tile = 0; tile < dense.size(); ++tile) {
      for (const TileKind kind : {TileKind::Empty, TileKind::Full}) {
        // The last tile of a row of keys that it does not fill is masked whatever the mask says, so that one is not falsified.
        const bool at_edge = tile % static_cast<std::size_t>(mask.kv_blocks()) + 1 == static_cast<std::size_t>(mask.kv_blocks());
        if (static_cast<TileKind>(dense[tile]) != TileKind::Partial || (kind == TileKind::Full && at_edge)) continue;
        // A row without tiles visits tile 0.
        const std::size_t row = tile / static_cast<std::size_t>(mask.kv_blocks());
        const bool visited_anyway = tile % static_cast<std::size_t>(mask.kv_blocks()) == 0 && mask.row_begin[row + 1] - mask.row_begin[row] == 1 && mask.runs[mask.row_begin[row]].count == 1;
        if (kind == TileKind::Empty && visited_anyway) continue;
        std::vector<std::uint8_t> falsified = dense;
        falsified[tile] = static_cast<std::uint8_t>(kind);
        const BlockMask wrong = BlockMask::from_dense(mask, falsified);
        problem.set_mask(&wrong);
        REQUIRE(problem.run(schedule(model::Policy::Random, 2)).reports.empty());
        const bool noticed = differs();
        ++(kind == TileKind::Empty ? dropped : unmasked);
        (kind == TileKind::Empty ? dropped_noticed : unmasked_noticed) += noticed;
      }
    }
    // One that is empty but called full.
    for (std::size_t tile = 0; tile < dense.size(); ++tile) {
      if (static_cast<TileKind>(dense[tile]) != TileKind::Empty) continue;
      std::vector<std::uint8_t> falsified = dense;
      falsified[tile] = static_cast<std::uint8_t>(TileKind::Full);
      const BlockMask wrong = BlockMask::from_dense(mask, falsified);
      problem.set_mask(&wrong);
      REQUIRE(problem.run(schedule(model::Policy::Random, 2)).reports.empty());
      ++unmasked, unmasked_noticed += differs();
      break;
    }
  }
  CHECK(dropped > 10);
  CHECK(dropped_noticed == dropped);
  CHECK(unmasked > 5);
  CHECK(unmasked_noticed == unmasked);
  WARN("false block masks noticed: " << dropped_noticed << " of " << dropped << " tiles left out, " << unmasked_noticed << " of " << unmasked << " not masked");
}
