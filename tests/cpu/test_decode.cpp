// Few rows against many keys: the direct products, and keys cut into splits.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <optional>

#include "templates/cpu/plan.h"
#include "tests/cpu/covering.h"
#include "tests/cpu/emulated_kernels.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {
namespace {

/// On each instruction set: near the reference; and the same bits with two threads, and with a block mask. Those with fused
/// multiplication agree among themselves; so do kernels with a matrix unit where they do not use it, though they read K and V in another order.
void check(const Problem& problem) {
  const ReferenceOutput reference = problem.reference();
  const BlockMask mask = problem.block_mask(16, 96);
  const bool direct = cpu::make_plan(problem.arguments()).direct;
  std::optional<Result> fused;
  for (const std::string& target : targets()) {
    INFO(target);
    const Result result = problem.run({target, 1, nullptr});
    CHECK(problem.compare(result, reference) == "");
    CHECK(same_bits(result, problem.run({target, 2, nullptr})));
    CHECK(same_bits(result, problem.run({target, 2, &mask})));
    const bool has_unit = target == "AMX" || target == kEmulatedTarget;
    if (target != "AVX2" && target != "AVX3" && !(direct && has_unit)) continue;
    if (fused) CHECK(same_bits(*fused, result));
    fused = result;
  }
}

/// At head dims of 256 a tile has 128 columns, so that so many keys are cut into two splits.
constexpr std::int64_t kLongKv = 2100;

}  // namespace

TEST_CASE("few rows: every pair of variant and edge agrees with the reference") {
  struct Rows {
    std::int64_t q_len, heads, kv_heads;
  };
  const std::vector<Rows> rows = {{1, 1, 1}, {1, 8, 2}, {2, 4, 1}, {4, 2, 2}, {3, 9, 1}, {8, 1, 1}, {5, 6, 2}, {16, 2, 2}, {16, 4, 2}, {9, 6, 1}};  // the last two go to the matrix unit
  const std::vector<std::int64_t> head_dims = {16, 17, 40, 64, 128, 256}, value_dims = {1, 20, 32, 64, 80, 136, 256};
  const std::vector<std::int64_t> lengths = {1, 15, 16, 63, 513, kLongKv};
  const std::vector<DType> types = {DType::F32, DType::BF16, DType::F16};
  const std::vector<Layout> layouts = {Layout::Dense, Layout::Padded, Layout::Transposed};
  std::uint64_t seed = 0;
  for (const auto& row : covering_array({variants().size(), rows.size(), head_dims.size(), value_dims.size(), lengths.size(), types.size(), layouts.size(), 2})) {
    const Rows& some = rows[row[1]];
    const std::int64_t length = lengths[row[4]];
    const Shape shape{2, some.heads, some.kv_heads, some.q_len, length, head_dims[row[2]], value_dims[row[3]], 0, 0, std::max<std::int64_t>(length - some.q_len, 0), 0};
    const Variant& variant = variants()[row[0]];
    INFO(variant.name << ", " << shape.q_len << " rows, heads " << shape.heads << "/" << shape.kv_heads << ", keys " << shape.kv_len << ", widths " << shape.head_dim << ", "
                      << shape.value_dim << ", " << name_of(types[row[5]]) << ", layout " << row[6] << ", seed " << seed + 1);
    Problem problem(shape, variant, {types[row[5]], layouts[row[6]], ++seed, row[7] == 1, 0});
    check(problem);
  }
}

TEST_CASE("few rows: NaN and infinities, removed and kept, in every split") {
  for (const char* name : {"noop", "causal", "sliding_window", "alibi_causal", "document", "first_half_false", "gaps"})
    for (const double poison : {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()})
      // Two splits of 9 and 8 tiles, one by one; or of a tile each, several at a time, of which "gaps" leaves some empty.
      for (const auto& [where, split] : {std::pair(std::int64_t{5}, 0), std::pair(kLongKv / 2, 0), std::pair(kLongKv - 1, 0), std::pair(std::int64_t{700}, 17), std::pair(kLongKv - 1, 17)}) {
        INFO(name << " " << poison << " at " << where << ", split " << split);
        Problem problem({1, 2, 1, 3, kLongKv, 256, 256, 0, 0, kLongKv - 60, 0}, variant(name), {DType::F32, Layout::Dense, 1, false, 0, split});
        problem.v.set(0, 0, where, 7, poison);
        problem.k.set(0, 0, where == 5 ? 6 : where - 1, 3, poison);
        check(problem);
      }
}

TEST_CASE("few rows: as many splits at once as there may be") {
  // 157 tiles of 128 columns, a split each: one thread takes 64 of them first.
  for (const std::int64_t split : {0, 63, 64, 65}) {
    INFO("a NaN in split " << split);
    Problem problem({1, 1, 1, 1, 157 * 128, 256, 256}, variant("noop"), {DType::F32, Layout::Dense, 1, false, 0, 157});
    REQUIRE(cpu::make_plan(problem.arguments()).splits == 157);
    problem.v.set(0, 0, split * 128 + 5, 7, std::nan(""));
    check(problem);
  }
}

TEST_CASE("the bits of few rows do not depend on the batch where the splits are the same") {
  Problem one({1, 1, 1, 1, 1000, 64, 64}, variant("alibi"), {}), three({3, 1, 1, 1, 1000, 64, 64}, variant("alibi"), {});
  for (std::int64_t i = 0; i < 64; ++i) three.q.set(1, 0, 0, i, one.q.get(0, 0, 0, i));
  for (std::int64_t column = 0; column < 1000; ++column)
    for (std::int64_t i = 0; i < 64; ++i) {
      three.k.set(1, 0, column, i, one.k.get(0, 0, column, i));
      three.v.set(1, 0, column, i, one.v.get(0, 0, column, i));
    }
  const Result single = one.run(), batch = three.run();
  CHECK(std::equal(single.out.begin(), single.out.end(), batch.out.begin() + 64));
  CHECK(single.lse[0] == batch.lse[1]);
}

TEST_CASE("few rows: tiles of which nothing is kept, between others") {
  // Tiles have 128 columns here. No band says which of them are empty: only the mask does, once they are looked at.
  for (const std::int64_t heads : {1, 4})
    for (const std::int64_t q_len : {1, 2}) {
      INFO(heads << " heads, " << q_len << " rows");
      const Problem problem({1, heads, 1, q_len, kLongKv, 256, 256}, variant("gaps"), {DType::F32, Layout::Dense, 3, true, 0, 1});
      REQUIRE(cpu::make_plan(problem.arguments()).tile == 128);
      REQUIRE(cpu::make_plan(problem.arguments()).direct);
      check(problem);
    }
}

TEST_CASE("up to sixteen rows, and a few of many heads: NaN and infinities, removed and kept") {
  for (const char* name : {"noop", "causal", "document", "gaps"})
    for (const auto& [heads, q_len] : {std::pair(std::int64_t{33}, 1), {1, 13}})
      for (const double poison : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        INFO(name << ", " << heads << " heads, " << q_len << " rows, " << poison);
        Problem problem({1, heads, 1, q_len, 1100, 256, 256, 0, 0, 1100 - q_len - 3, 0}, variant(name), {DType::F32, Layout::Dense, 1, false, 0, 3});
        REQUIRE(cpu::make_plan(problem.arguments()).direct);
        problem.v.set(0, 0, 400, 7, poison);
        problem.k.set(0, 0, 1100 - 3, 3, poison);
        check(problem);
      }
}

TEST_CASE("up to sixteen rows of a K and V head, and a few of many, are read where they lie") {
  for (const char* name : {"noop", "gaps"})
    for (const auto& [heads, q_len] : {std::pair(std::int64_t{16}, 1), {32, 1}, {33, 1}, {33, 2}, {2, 8}, {1, 16}}) {
      INFO(name << ", " << heads << " heads, " << q_len << " rows");
      const Problem problem({1, heads, 1, q_len, 1100, 256, 256, 0, 0, 900, 0}, variant(name), {DType::F32, Layout::Dense, 2, true, 0, 2});
      REQUIRE(cpu::make_plan(problem.arguments()).direct);
      check(problem);
    }
}

TEST_CASE("keys cut into a given number of splits") {
  // A tile has 64 columns here, so 1,100 keys have 9 tiles: more splits than that are 9.
  for (const char* name : {"noop", "causal", "alibi_causal", "softcap", "document", "first_half_false"})
    for (const std::int64_t q_len : {1, 70}) {
      std::optional<Result> whole, batch;
      for (const std::int64_t split : {1, 2, 4, 9, 1000}) {
        INFO(name << ", " << q_len << " rows, split " << split);
        Problem problem({2, 2, 1, q_len, 1100, 256, 256, 0, 0, 1100 - q_len, 0}, variant(name), {DType::F32, Layout::Dense, 1, true, 0, split});
        check(problem);
        const Result result = problem.run();
        if (!whole) whole = result;
        if (split == 9) batch = result;
        if (split == 1000) CHECK(same_bits(*batch, result));
        if (split == 4 && std::string_view(name) == "softcap") CHECK_FALSE(same_bits(*whole, result));  // it does cut
      }
    }
}

}  // namespace flexc::cpu_test
