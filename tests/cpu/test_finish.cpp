// The ends of rows: outputs that a group's last products write are those that it would be given later, with statistics or without.
#include <catch2/catch.hpp>
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

/// Outputs alone: neither lse nor max_scores are asked for. What is not written is NaN.
std::vector<float> outputs_alone(const Problem& problem, const Shape& shape, const std::string& target) {
  cpu::AttentionArguments call = problem.arguments();
  std::vector<float> out(static_cast<std::size_t>(shape.batch * shape.heads * shape.q_len * shape.value_dim), kNan);
  const std::int64_t head = shape.q_len * shape.value_dim;
  call.out = {out.data(), {shape.heads * head, head, shape.value_dim}};
  call.target = target;
  cpu::WorkerPool pool(2);
  REQUIRE(cpu::run_attention(call, pool));
  return out;
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

}  // namespace flexc::cpu_test
