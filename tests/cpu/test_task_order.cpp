// What tasks are estimated to take, and their order: from the block mask, from the band, from both. Which tiles they visit at all.
#include <catch2/catch.hpp>
#include <set>

#include "templates/cpu/live_tiles.h"
#include "templates/cpu/mods.h"
#include "templates/cpu/task_order.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {
namespace {

constexpr std::int64_t kLength = 1000;

/// Rows from 400 to 599 keep everything, others 10 columns: what neither "first rows first" nor "last rows first" puts right.
void wide_in_the_middle(const flexc_row_launch*, const void*, const void*, int64_t, int64_t, int64_t q, flexc_row_band* band) {
  *band = q >= 400 && q < 600 ? flexc_row_band{0, kLength, 0, 0} : flexc_row_band{q, q + 10, 0, 0};
}

std::vector<cpu::Task> tasks_of(const cpu::Plan& plan) {
  cpu::Workspace workspace;
  REQUIRE(workspace.allocate(plan));
  std::vector<cpu::Task> tasks;
  for (std::int64_t unit = 0; unit < plan.units; ++unit)
    for (std::int64_t task = 0; task < plan.tasks_per_unit; ++task) tasks.push_back(cpu::estimate_task(plan, unit, task, workspace));
  return tasks;
}

}  // namespace

TEST_CASE("a task's estimate counts the live columns of its groups' block rows") {
  const Shape shape{2, 4, 2, kLength, kLength, 16, 16};
  for (const char* name : {"causal", "document", "first_half_false"}) {
    const Problem problem(shape, variant(name), {});
    const BlockMask mask = problem.block_mask(8, 100);
    cpu::AttentionArguments call = problem.arguments();
    call.mask = &mask;
    const cpu::Plan plan = cpu::make_plan(call);
    const std::vector<std::uint8_t> map = mask.dense();
    for (const cpu::Task& task : tasks_of(plan)) {
      std::int64_t columns = 0;
      for (std::int64_t group = task.task * cpu::kTaskGroups; group < std::min((task.task + 1) * cpu::kTaskGroups, plan.groups_per_unit); ++group) {
        const cpu::GroupPlace place = cpu::place_of(plan, task.unit, group);
        const std::int64_t line = (mask.batches == 1 ? 0 : place.b) * mask.heads + (mask.heads == 1 ? 0 : place.h);
        for (std::int64_t block = 0; block < 10; ++block)
          columns += map[static_cast<std::size_t>((line * 125 + place.first / 8) * 10 + block)] == static_cast<std::uint8_t>(TileKind::Empty) ? 0 : 100;
      }
      CHECK(task.columns == columns);
    }
  }
}

TEST_CASE("tasks come unit by unit, each once, those that visit most columns first") {
  flexc_row_module module = variant("noop").module;
  module.band_row = wide_in_the_middle;
  const Problem problem({1, 2, 2, kLength, kLength, 16, 16}, variant("noop"), {});
  cpu::AttentionArguments call = problem.arguments();
  call.module = &module;
  const cpu::Plan plan = cpu::make_plan(call);
  std::vector<cpu::Task> tasks = tasks_of(plan);
  REQUIRE(tasks.size() == 32);
  cpu::longest_first(tasks);
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    CHECK(tasks[i].unit == static_cast<std::int64_t>(i / 16));
    seen.insert({tasks[i].unit, tasks[i].task});
    if (i % 16 != 0) CHECK(tasks[i].columns <= tasks[i - 1].columns);
  }
  CHECK(seen.size() == tasks.size());
  // Of 64 rows a task, three have their middle within 400 to 599 …
  CHECK(tasks[2].columns == 8 * kLength);
  CHECK((std::set{tasks[0].task, tasks[1].task, tasks[2].task} == std::set<std::int64_t>{6, 7, 8}));
  // … and of equal ones the last rows come first.
  CHECK((tasks[0].task == 8 && tasks[1].task == 7));
  // Rows 600 to 639 are in the task of 576: the estimate is the middle group's.
  CHECK(tasks[3].columns < kLength);
}

TEST_CASE("tasks come row by row unless one of them is long") {
  std::vector<cpu::Task> tasks;
  for (std::int64_t unit = 0; unit < 2; ++unit)
    for (std::int64_t task = 0; task < 64; ++task) tasks.push_back({unit, task, 100 + task % 3});
  CHECK_FALSE(cpu::has_long_task(tasks, 2));
  CHECK(cpu::has_long_task(tasks, 8));  // sixteen tasks a thread are few
  std::swap(tasks[3], tasks[100]);
  cpu::last_rows_first(tasks);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    CHECK(tasks[i].unit == static_cast<std::int64_t>(i / 64));
    CHECK(tasks[i].task == static_cast<std::int64_t>(63 - i % 64));
  }
  tasks[5].columns = 1000;
  CHECK(cpu::has_long_task(tasks, 2));
}

TEST_CASE("a tile is live for a group where the block mask leaves it a column, and nowhere else") {
  // Tiles of 128 columns.
  const Problem problem({1, 2, 1, kLength, kLength, 256, 256}, variant("document"), {});
  const BlockMask mask = problem.block_mask(8, 100);
  const std::vector<std::uint8_t> map = mask.dense();
  cpu::AttentionArguments call = problem.arguments();
  call.mask = &mask;
  const cpu::Plan plan = cpu::make_plan(call);
  REQUIRE(plan.tiles == 8);
  cpu::Workspace workspace;
  REQUIRE(workspace.allocate(plan));
  std::set<bool> seen;
  for (std::int64_t task = 0; task < plan.tasks_per_unit; ++task) {
    const std::int64_t first = task * cpu::kTaskGroups, count = std::min(cpu::kTaskGroups, plan.groups_per_unit - first);
    for (std::int64_t i = 0; i < count; ++i) {
      cpu::Group& group = workspace.groups[static_cast<std::size_t>(i)];
      group.place = cpu::place_of(plan, 0, first + i);
      cpu::enter_group(plan, group);
    }
    const cpu::TileRange range = cpu::find_live_tiles(plan, workspace, count, {1, 7});
    std::vector<std::int64_t> last(static_cast<std::size_t>(count), -1);
    for (std::int64_t tile = 1; tile < 7; ++tile)
      for (std::int64_t i = 0; i < count; ++i) {
        const cpu::GroupPlace& place = workspace.groups[static_cast<std::size_t>(i)].place;
        const std::int64_t line = mask.heads == 1 ? 0 : place.h;
        bool expected = false;
        for (std::int64_t block = tile * plan.tile / 100; block * 100 < (tile + 1) * plan.tile && block < 10; ++block)
          expected |= map[static_cast<std::size_t>((line * 125 + place.first / 8) * 10 + block)] != static_cast<std::uint8_t>(TileKind::Empty);
        const bool found = tile >= range.first && tile < range.end && (workspace.live.as<cpu::GroupSet>()[tile] >> i & 1) != 0;
        CHECK(found == expected);
        seen.insert(found);
        if (found) last[static_cast<std::size_t>(i)] = tile;
      }
    for (std::int64_t i = 0; i < count; ++i) CHECK(workspace.groups[static_cast<std::size_t>(i)].last_tile == last[static_cast<std::size_t>(i)]);
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("a group comes after another one in its head, or at the start of the next head") {
  for (const std::int64_t rows : {std::int64_t{8}, std::int64_t{77}, std::int64_t{5}}) {
    const Problem problem({2, 6, 2, rows, 20, 16, 16}, variant("noop"), {});
    const cpu::Plan plan = cpu::make_plan(problem.arguments());
    for (std::int64_t unit = 0; unit < plan.units; ++unit)
      for (std::int64_t group = 0; group + 1 < plan.groups_per_unit; ++group) {
        const cpu::GroupPlace found = cpu::place_after(plan, cpu::place_of(plan, unit, group)), expected = cpu::place_of(plan, unit, group + 1);
        CHECK((found.b == expected.b && found.h == expected.h && found.kv_h == expected.kv_h && found.first == expected.first && found.rows == expected.rows));
      }
  }
}

TEST_CASE("a single tile is live for a group whose bands reach it, and not from elsewhere") {
  // Tiles of 128 columns; bands as of causal rows, of a window, and of a window with the first columns besides, with a gap.
  const Problem problem({1, 1, 1, kLength, kLength, 256, 256}, variant("noop"), {});
  const cpu::Plan plan = cpu::make_plan(problem.arguments());
  REQUIRE(plan.tiles == 8);
  cpu::Workspace workspace;
  REQUIRE(workspace.allocate(plan));
  std::set<bool> seen;
  for (const cpu::RowColumns& bands : {cpu::RowColumns{{{0, 400}, {}}}, {{{380, 390}, {}}}, {{{0, 4}, {700, 800}}}, {{{}, {}}}}) {
    cpu::Group& group = workspace.groups.front();
    group.place = cpu::place_of(plan, 0, 40);
    for (cpu::RowColumns& row : group.band.rows) row = bands;
    group.band.summarise(group.place.rows);
    for (std::int64_t tile = 0; tile < plan.tiles; ++tile) {
      INFO("columns " << bands.parts[0].first << " to " << bands.parts[0].end << " and " << bands.parts[1].first << " to " << bands.parts[1].end << ", tile " << tile);
      bool expected = false;
      for (const cpu::ColumnRange& part : bands.parts) expected |= !part.empty() && part.first < (tile + 1) * plan.tile && tile * plan.tile < part.end;
      const cpu::TileRange range = cpu::find_live_tiles(plan, workspace, 1, {tile, tile + 1});
      const bool found = range.first < range.end && (workspace.live.as<cpu::GroupSet>()[tile] & 1) != 0;
      CHECK(found == expected);
      CHECK(group.last_tile == (expected ? tile : -1));
      seen.insert(found);
    }
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("without a mask every task takes its groups times all columns") {
  const Problem problem({1, 1, 1, kLength, kLength, 16, 16}, variant("noop"), {});
  const cpu::Plan plan = cpu::make_plan(problem.arguments());
  for (const cpu::Task& task : tasks_of(plan)) CHECK(task.columns == (task.task == 15 ? 5 : 8) * kLength);
}

}  // namespace flexc::cpu_test
