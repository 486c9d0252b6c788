// The ends of rows: outputs that a group's last products write are those that it would be given later, with statistics or without.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <tuple>

#include "templates/cpu/kernels.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// The instruction sets of this machine without a matrix unit, whose outputs are not written by its products.
std::vector<std::string> vector_targets() {
  std::vector<std::string> names;
  for (const cpu::KernelTable& table : cpu::kernel_tables())
    if (!table.matrix_unit) names.emplace_back(table.name);
  return names;
}

/// Gives a problem of fewer values a row the q, k and v of a wider one.
void narrow(const Problem& wide, const Shape& shape, Problem& to) {
  for (std::int64_t h = 0; h < shape.heads; ++h)
    for (std::int64_t row = 0; row < shape.q_len; ++row)
      for (std::int64_t i = 0; i < shape.head_dim; ++i) to.q.set(0, h, row, i, wide.q.get(0, h, row, i));
  for (std::int64_t h = 0; h < shape.kv_heads; ++h)
    for (std::int64_t column = 0; column < shape.kv_len; ++column) {
      for (std::int64_t i = 0; i < shape.head_dim; ++i) to.k.set(0, h, column, i, wide.k.get(0, h, column, i));
      for (std::int64_t i = 0; i < shape.value_dim; ++i) to.v.set(0, h, column, i, wide.v.get(0, h, column, i));
    }
}

/// Outputs alone: neither lse nor max_scores are asked for. Rows lie three floats further apart than they are wide, so that none but the first is aligned; nothing between and behind them may be written.
std::vector<float> outputs_alone(const Problem& problem, const Shape& shape, const std::string& target) {
  constexpr std::int64_t kGap = 3, kBehind = 512;
  const std::int64_t rows = shape.batch * shape.heads * shape.q_len, step = shape.value_dim + kGap;
  std::vector<float> memory(static_cast<std::size_t>(rows * step + kBehind), kNan), out;
  cpu::AttentionArguments call = problem.arguments();
  call.out = {memory.data(), {shape.heads * shape.q_len * step, shape.q_len * step, step}};
  call.target = target;
  cpu::WorkerPool pool(2);
  REQUIRE(cpu::run_attention(call, pool));
  bool is_untouched = true;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto at = memory.begin() + row * step;
    out.insert(out.end(), at, at + shape.value_dim);
    is_untouched &= std::all_of(at + shape.value_dim, at + step, [](float value) { return std::isnan(value); });
  }
  CHECK(is_untouched);
  CHECK(std::all_of(memory.begin() + rows * step, memory.end(), [](float value) { return std::isnan(value); }));
  return out;
}

/// How the groups of the problem's first task end.
std::vector<cpu::GroupEnd> ends_of_first_task(const Problem& problem, const cpu::KernelTable& kernels) {
  cpu::AttentionArguments call = problem.arguments();
  std::vector<float> out(static_cast<std::size_t>(call.heads * call.q_len * call.value_dim));
  call.out = {out.data(), {0, call.q_len * call.value_dim, call.value_dim}};
  const cpu::Plan plan = cpu::make_plan(call);
  cpu::Workspace workspace;
  cpu::Scratch tile;
  std::int64_t held = -1;
  REQUIRE((workspace.allocate(plan) && tile.allocate(plan.tile_floats() * static_cast<std::int64_t>(sizeof(float)))));
  kernels.run_task(plan, 0, 0, workspace, {nullptr, nullptr, tile.as<float>(), 1, &held});
  std::vector<cpu::GroupEnd> ends;
  for (std::int64_t i = 0; i < std::min(plan.task_groups, plan.groups_per_unit); ++i) ends.push_back(workspace.groups[static_cast<std::size_t>(i)].end);
  return ends;
}

}  // namespace

TEST_CASE("outputs that the last products write have the bits of those that are written afterwards") {
  // V of 64 values is written by its products, of 63 it is not. One tile of keys and several, groups of eight rows and of fewer, tiles of which a group keeps nothing.
  for (const char* name : {"noop", "causal", "sliding_window", "document", "alibi_causal", "softcap", "even", "first_half_false"})
    for (const auto& [rows, keys, offset] : {std::tuple{64, 200, 0}, {77, 512, 0}, {130, 1300, 700}, {40, 1300, 30}})
      for (const bool with_sink : {false, true}) {
        Shape shape{1, 2, 1, rows, keys, 16, 64};
        shape.q_offset = offset;
        const Setting setting{DType::F32, Layout::Dense, 5, with_sink};
        const Problem wide(shape, variant(name), setting);
        shape.value_dim = 63;
        Problem narrower(shape, variant(name), setting);
        narrow(wide, shape, narrower);
        REQUIRE(cpu::make_plan(wide.arguments()).writes_products());
        REQUIRE_FALSE(cpu::make_plan(narrower.arguments()).writes_products());
        for (const std::string& target : vector_targets()) {
          INFO(name << ", " << rows << " rows, " << keys << " keys, " << target);
          const Result written = wide.run({target, 2, nullptr}), later = narrower.run({target, 2, nullptr});
          bool is_same = written.lse == later.lse && written.max_scores == later.max_scores;
          for (std::size_t row = 0; row < written.out.size() / 64; ++row)
            is_same &= std::equal(later.out.begin() + static_cast<std::ptrdiff_t>(row * 63), later.out.begin() + static_cast<std::ptrdiff_t>(row * 63 + 63), written.out.begin() + static_cast<std::ptrdiff_t>(row * 64));
          CHECK(is_same);
        }
      }
}

TEST_CASE("outputs are the same bits without statistics") {
  for (const char* name : {"noop", "causal", "document", "even", "first_half_false"})
    for (const std::int64_t width : {std::int64_t{32}, std::int64_t{20}}) {
      Shape shape{1, 2, 2, 77, 600, 16, width};
      const Problem problem(shape, variant(name), {});
      for (const std::string& target : vector_targets()) {
        INFO(name << ", " << width << " values, " << target);
        const std::vector<double> with = problem.run({target, 2, nullptr}).out;
        const std::vector<float> alone = outputs_alone(problem, shape, target);
        CHECK(std::equal(with.begin(), with.end(), alone.begin(), alone.end(), [](double a, float b) { return a == static_cast<double>(b); }));
      }
    }
}

TEST_CASE("infinities and NaN in last products, without statistics") {
  // They stay in the values and rows that keep them: what was written of such a group is written anew. Some rows keep nothing.
  const Shape shape{1, 1, 1, 80, 700, 16, 32};
  for (const char* name : {"noop", "causal", "sliding_window", "first_half_false"})
    for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
      for (const std::int64_t column : {std::int64_t{3}, std::int64_t{41}, std::int64_t{650}}) {
        Problem problem(shape, variant(name), {});
        problem.v.set(0, 0, column, 17, poison);
        for (const std::string& target : vector_targets()) {
          INFO(name << ", " << poison << " in column " << column << ", " << target);
          const std::vector<double> with = problem.run({target, 1, nullptr}).out;
          const std::vector<float> alone = outputs_alone(problem, shape, target);
          bool is_same = true;
          for (std::size_t i = 0; i < with.size(); ++i) is_same &= std::isnan(with[i]) ? std::isnan(alone[i]) : with[i] == static_cast<double>(alone[i]);
          CHECK(is_same);
          CHECK(problem.compare(problem.run({target, 1, nullptr}), problem.reference()) == "");
        }
      }
}

TEST_CASE("last products write the outputs of whole groups of f32, and of no others") {
  using cpu::GroupEnd;
  const auto all = [](const std::vector<GroupEnd>& ends, GroupEnd end) { return std::ranges::all_of(ends, [&](GroupEnd its) { return its == end; }); };
  for (const cpu::KernelTable& kernels : cpu::kernel_tables()) {
    if (kernels.matrix_unit) continue;
    INFO(kernels.name);
    for (const char* name : {"noop", "causal", "alibi_causal", "softcap"}) {
      INFO(name);
      CHECK(all(ends_of_first_task(Problem({1, 1, 1, 64, 300, 16, 32}, variant(name), {}), kernels), GroupEnd::Written));
    }
    CHECK(all(ends_of_first_task(Problem({1, 1, 1, 64, 600, 16, 32}, variant("noop"), {}), kernels), GroupEnd::Written));
    CHECK(all(ends_of_first_task(Problem({1, 1, 1, 64, 600, 16, 20}, variant("noop"), {}), kernels), GroupEnd::Open));
    CHECK(all(ends_of_first_task(Problem({1, 1, 1, 64, 600, 16, 32}, variant("noop"), {DType::BF16}), kernels), GroupEnd::Open));
    CHECK(all(ends_of_first_task(Problem({1, 1, 1, 64, 600, 16, 32}, variant("all_false"), {}), kernels), GroupEnd::Open));
    const std::vector<GroupEnd> ends = ends_of_first_task(Problem({1, 1, 1, 60, 600, 16, 32}, variant("noop"), {}), kernels);
    CHECK((all({ends.begin(), ends.end() - 1}, GroupEnd::Written) && ends.back() == GroupEnd::Open));  // the last one has four rows
  }
}

TEST_CASE("statistics and a sink's share keep what is below 2^-126, however a group's outputs are written") {
  // The last four of twenty rows are a group that is finished apart.
  const auto same_rows = [](const auto& values, std::size_t width) {
    bool same = true;
    for (std::size_t i = 0; i < values.size(); ++i) same &= values[i] == values[i % width];
    return same;
  };
  for (const std::string& target : vector_targets())
    for (const std::int64_t keys : {std::int64_t{1}, std::int64_t{200}}) {
      INFO(target << ", " << keys << " keys");
      Problem tiny({1, 1, 1, 20, keys, 1, 16}, variant("noop"), {DType::F32, Layout::Dense, 1, false, 1.0});
      for (std::int64_t row = 0; row < 20; ++row) tiny.q.set(0, 0, row, 0, 1e-20);
      for (std::int64_t column = 0; column < keys; ++column) tiny.k.set(0, 0, column, 0, 1e-20);
      Result result = tiny.run({target, 1, nullptr});
      result.lse.resize(20), result.max_scores.resize(20);
      CHECK((result.max_scores[0] > 0 && result.max_scores[0] < 0x1p-126f));
      CHECK((same_rows(result.lse, 1) && same_rows(result.max_scores, 1)));

      Problem sunk({1, 1, 1, 20, keys, 16, 16}, variant("noop"), {DType::F32, Layout::Dense, 1, true});
      for (std::int64_t row = 0; row < 20; ++row)
        for (std::int64_t i = 0; i < 16; ++i) sunk.q.set(0, 0, row, i, 0);
      for (std::int64_t column = 0; column < keys; ++column)
        for (std::int64_t i = 0; i < 16; ++i) sunk.v.set(0, 0, column, i, 1000);
      sunk.sink = {89.5f};  // a weight's share is some 2^-129
      result = sunk.run({target, 1, nullptr});
      CHECK(result.out[0] > 0);
      CHECK(same_rows(result.out, 16));
    }
}

}  // namespace flexc::cpu_test
