// A group's columns of a tile as bits, on every instruction set of this machine, against columns asked for one by one.
#include "templates/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/cpu/test_columns.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "templates/cpu/columns-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

inline void call_keep_band(const RowColumns& row, std::int64_t column, std::int64_t count, KeepWords& keep) { keep_band(row, column, count, keep); }
inline void call_keep_panels(PanelSet panels, std::int64_t count, int rows, TileColumns& columns) { keep_panels(panels, count, rows, columns); }
inline PanelKinds call_kinds_of_blocks(const Plan& plan, const BlockMask& mask, const GroupPlace& place, std::int64_t tile, BlockRowKinds& known) { return kinds_of_blocks(plan, mask, place, tile, known); }
inline void call_summarise(int rows, TileColumns& columns) { summarise(rows, columns); }

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <catch2/catch.hpp>

#include "flexc/random.h"
#include "tests/cpu/on_each_target.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu {
HWY_EXPORT(call_keep_band);
HWY_EXPORT(call_kinds_of_blocks);
HWY_EXPORT(call_keep_panels);
HWY_EXPORT(call_summarise);
}  // namespace flexc::cpu

namespace flexc::cpu_test {
namespace {

bool has(const cpu::KeepWords& words, std::int64_t column) { return (words[static_cast<std::size_t>(column / 64)] >> (column % 64) & 1) != 0; }
bool has(cpu::PanelSet panels, std::int64_t panel) { return (panels >> panel & 1) != 0; }

/// Words with long runs of equal bits, as masks have them.
cpu::KeepWords random_words(const CounterRandom& random, std::uint64_t& at) {
  cpu::KeepWords words{};
  const std::uint64_t longest = 1 + random.below(at++, 100);
  bool kept = random.below(at++, 2) == 0;
  for (std::int64_t column = 0; column < cpu::kMaxTile; kept = !kept)
    for (auto left = 1 + random.below(at++, longest); left > 0 && column < cpu::kMaxTile; --left, ++column)
      if (kept) cpu::note_column(words, column);
  return words;
}

}  // namespace

TEST_CASE("bits of a row's band are as its columns are, on every instruction set") {
  const CounterRandom random(2, "columns");
  on_each_target([&] {
    std::uint64_t at = 0;
    std::int64_t wrong = 0, kept = 0;
    for (int round = 0; round < 4000; ++round) {
      const std::int64_t column = static_cast<std::int64_t>(random.below(at++, 3)) * 512 + (round % 5 == 0 ? std::int64_t{1} << 40 : 0), count = round % 3 == 0 ? 512 : 1 + static_cast<std::int64_t>(random.below(at++, 512));
      cpu::RowColumns row;
      for (cpu::ColumnRange& part : row.parts) {
        const std::int64_t first = column - 300 + static_cast<std::int64_t>(random.below(at++, 900));
        part = {first, first + static_cast<std::int64_t>(random.below(at++, round % 7 == 0 ? 2000 : 40))};
        if (random.below(at++, 8) == 0) part.first = part.first / 64 * 64;
        if (random.below(at++, 8) == 0) part.end = part.end / 64 * 64;
      }
      cpu::KeepWords keep;
      keep.fill(0x5555555555555555);
      HWY_DYNAMIC_DISPATCH(cpu::call_keep_band)(row, column, count, keep);
      for (std::int64_t i = 0; i < cpu::kMaxTile; ++i) {
        bool expected = false;
        for (const cpu::ColumnRange& part : row.parts) expected |= i < count && part.first <= column + i && column + i < part.end;
        wrong += has(keep, i) != expected;
        kept += expected;
      }
    }
    CHECK(wrong == 0);
    CHECK(kept > 100'000);
  });
}

TEST_CASE("panels that every row keeps, and what rows have in common, on every instruction set") {
  const CounterRandom random(3, "columns");
  on_each_target([&] {
    std::uint64_t at = 0;
    std::int64_t wrong = 0;
    for (int round = 0; round < 4000; ++round) {
      const int rows = 1 + static_cast<int>(random.below(at++, 8));
      const std::int64_t count = round % 3 == 0 ? 512 : 1 + static_cast<std::int64_t>(random.below(at++, 512));
      const bool by_panels = round % 2 == 0;
      const auto panels = static_cast<cpu::PanelSet>(random.below(at++, std::uint64_t{1} << 32));
      cpu::TileColumns columns;
      if (by_panels) {
        HWY_DYNAMIC_DISPATCH(cpu::call_keep_panels)(panels, count, rows, columns);
      } else {
        for (int row = 0; row < rows; ++row) columns.keep[row] = row > 0 && round % 5 != 0 ? columns.keep[0] : random_words(random, at);
        const cpu::TileColumns before = columns;
        HWY_DYNAMIC_DISPATCH(cpu::call_summarise)(rows, columns);
        for (int row = 0; row < rows; ++row) wrong += columns.keep[row] != before.keep[row];
      }
      for (int row = 0; row < cpu::kGroupRows; ++row)
        for (std::int64_t i = 0; i < cpu::kMaxTile; ++i)
          wrong += has(columns.keep[row], i) != (by_panels ? i < count && has(panels, i / 16) : has(columns.keep[std::min(row, rows - 1)], i));
      for (int block = 0; block < cpu::kBlocks; ++block) {
        const int first = block * cpu::kBlockRows;
        for (std::int64_t panel = 0; panel < cpu::kMaxPanels; ++panel) {
          bool some = false, whole = true;
          for (std::int64_t i = panel * 16; i < panel * 16 + 16; ++i) {
            bool any = false;
            for (int row = first; row < first + cpu::kBlockRows; ++row) any |= has(columns.keep[row], i), whole &= has(columns.keep[row], i);
            if (first < rows) wrong += has(columns.any[block], i) != any;
            some |= any;
          }
          wrong += has(columns.active[block], panel) != (first < rows && some);
          wrong += has(columns.full[block], panel) != (first < rows && whole);
        }
      }
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("what the block mask says is the same whatever was looked up before") {
  // Blocks that groups fit and blocks that they do not; heads that differ; tiles and groups in any order, mostly one after the other.
  const CounterRandom random(20, "kinds of blocks");
  std::uint64_t at = 0;
  std::int64_t repeated = 0;
  for (const std::int32_t block_q : {128, 24, 20, 5}) {
    const Problem problem({2, 3, 3, 300, 1400, 16, 16}, variant("noop"), {});
    const cpu::Plan plan = cpu::make_plan(problem.arguments());
    BlockMask shape;
    shape.batches = 2, shape.heads = 3, shape.q_len = 300, shape.kv_len = 1400, shape.block_q = block_q, shape.block_kv = 64;
    const BlockMask mask = brute_force_block_mask(shape, [](std::int64_t b, std::int64_t h, std::int64_t q, std::int64_t kv) { return (q / 30 + kv / 100 + h + 2 * b) % 4 == 0; });
    cpu::BlockRowKinds known;
    std::int64_t unit = 0, group = 0, tile = 0;
    for (int round = 0; round < 4000; ++round) {
      const cpu::BlockRowKinds before = known;
      const cpu::GroupPlace place = cpu::place_of(plan, unit, group);
      const cpu::PanelKinds found = HWY_DYNAMIC_DISPATCH(cpu::call_kinds_of_blocks)(plan, mask, place, tile, known);
      const cpu::PanelKinds expected = cpu::panel_kinds(mask, place.b, place.h, place.first, place.rows, tile * plan.tile, plan.tile_count(tile));
      CHECK((found.live == expected.live && found.full == expected.full));
      repeated += before.b == known.b && before.h == known.h && before.tile == known.tile && before.first == known.first && before.end == known.end;
      const std::uint64_t choice = random.below(at++, 16);
      if (choice == 0) unit = static_cast<std::int64_t>(random.below(at++, static_cast<std::uint64_t>(plan.units)));
      if (choice == 1) tile = static_cast<std::int64_t>(random.below(at++, static_cast<std::uint64_t>(plan.tiles)));
      group = choice == 2 ? static_cast<std::int64_t>(random.below(at++, static_cast<std::uint64_t>(plan.groups_per_unit))) : (group + 1) % plan.groups_per_unit;
    }
  }
  CHECK(repeated > 1000);
}

}  // namespace flexc::cpu_test
#endif
