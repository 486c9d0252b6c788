// Masks of positions in steps: the same random programs, over rows and columns that are further apart. Sound, and exact when refined to pairs.
#include <catch2/catch.hpp>

#include "runtime/tile/classify.h"
#include "runtime/tile/positions.h"
#include "runtime/tile/undecided.h"
#include "tests/tile/random_program.h"

using namespace flexc;
using namespace flexc::tile;

TEST_CASE("random programs in steps: sound at every refinement, brute force's map when refined to pairs") {
  constexpr Int kSteps[] = {1, 2, 3, 4, 7, 64, Int{1} << 20};
  int by_method[4] = {}, undecided = 0;
  for (std::uint64_t seed = 700000; seed < 703000; ++seed) {
    RandomCase random = random_case(seed);
    random.shape.q_step = kSteps[seed % 7], random.shape.kv_step = seed % 3 == 0 ? kSteps[seed / 7 % 7] : random.shape.q_step;
    Int end = 0;
    if (!random.shape.q_positions().fits(random.shape.q_len, &end) || !random.shape.kv_positions().fits(random.shape.kv_len, &end)) continue;
    Int kept = 0;
    const BlockMask truth = true_mask(random, &kept);
    const auto real = truth.dense();
    INFO("seed " << seed << ", steps " << random.shape.q_step << ", " << random.shape.kv_step << "\n" << print(random.program));
    for (const Refine refine : {Refine::None, Refine::Default, Refine::Exact}) {
      ClassifyReport report;
      const auto found = classify(random.program, random.launch, random.shape, {.refine = refine, .threads = 1, .only_descent = seed % 5 == 0}, &report);
      REQUIRE(found.has_value());
      REQUIRE(found->q_positions() == random.shape.q_positions());
      REQUIRE(found->kv_positions() == random.shape.kv_positions());
      const auto map = found->dense();
      REQUIRE(map.size() == real.size());
      bool sound = true;
      for (std::size_t i = 0; i < map.size(); ++i) sound = sound && (map[i] == real[i] || map[i] == static_cast<std::uint8_t>(TileKind::Partial));
      REQUIRE(sound);
      if (refine == Refine::None) {
        const UndecidedTiles open = undecided_tiles(random.program, random.launch, *found, truth, 4);
        for (const Culprit& culprit : open.culprits) {
          REQUIRE(culprit.at < random.program.instructions.size());
          REQUIRE(culprit.example.q0 < culprit.example.q1);
          REQUIRE(culprit.example.q0 >= random.shape.q_offset);
          REQUIRE((culprit.example.q0 - random.shape.q_offset) % random.shape.q_step == 0);
        }
        undecided += open.tiles > 0;
      }
      if (refine != Refine::Exact) continue;
      REQUIRE(found->runs == truth.runs);
      REQUIRE(found->row_begin == truth.row_begin);
      REQUIRE(report.kept_pairs == kept);
      ++by_method[static_cast<int>(report.method)];
    }
  }
  // All ways are exercised.
  for (const int count : by_method) CHECK(count > 10);
  CHECK(undecided > 10);
}

TEST_CASE("a program of rows has the values of its own registers") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const RandomCase random = random_case(seed);
    const PositionMap q{5, static_cast<Int>(1 + seed % 4)}, kv{-3, static_cast<Int>(1 + seed / 4 % 3)};
    const Program rows = at_rows(random.program, q, kv);
    INFO("seed " << seed << "\n" << print(random.program));
    REQUIRE(check(rows) == "");
    const Binding positions(random.program, random.launch), indices(rows, random.launch);
    PointMachine here(random.program, positions.analysis, random.launch), there(rows, indices.analysis, random.launch);
    here.set_plane(0, 0), there.set_plane(0, 0);
    bool same = true;
    for (Int row = 0; row < 4; ++row)
      for (Int column = 0; column < 4; ++column) {
        const Int q_idx = q.at(row), kv_idx = kv.at(column);
        here.evaluate(&q_idx, &kv_idx, 1), there.evaluate(&row, &column, 1);
        for (Register i = 0; i < random.program.instructions.size(); ++i)
          if (type_of(random.program.instructions[i].op) == Type::I64) same = same && here.integer(i) == there.integer(i + kPositionRegisters);
          else if (type_of(random.program.instructions[i].op) == Type::Bool) same = same && here.truth(i) == there.truth(i + kPositionRegisters);
      }
    CHECK(same);
  }
}
