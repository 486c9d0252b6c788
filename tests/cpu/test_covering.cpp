// Every variant × every edge of shape, type and layout, pairwise, on every instruction set of this machine.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "templates/cpu/plan.h"
#include "tests/cpu/covering.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {
namespace {

struct Heads {
  std::int64_t batch, heads, kv_heads, k_batch, v_batch;
};

const std::vector<std::int64_t> kLengths = {1, 17, 64, 127, 255, 259, 513};
const std::vector<std::int64_t> kHeadDims = {1, 16, 17, 24, 64, 80, 128, 256}, kValueDims = {0, 1, 16, 40, 96, 256};  // 0: as head_dim
const std::vector<Heads> kHeads = {{1, 1, 1, 0, 0}, {2, 4, 1, 0, 0}, {1, 6, 2, 0, 0}, {2, 3, 3, 1, 1}, {2, 4, 4, 0, 1}, {3, 5, 1, 1, 0}};
const std::vector<std::pair<std::int64_t, std::int64_t>> kOffsets = {{0, 0}, {100, 0}, {7, 90}};
const std::vector<DType> kTypes = {DType::F32, DType::BF16, DType::F16};
const std::vector<Layout> kLayouts = {Layout::Dense, Layout::Padded, Layout::Transposed};
const std::vector<std::pair<std::int32_t, std::int32_t>> kBlocks = {{128, 128}, {64, 32}, {5, 7}, {16, 512}};
/// Products of a call up to which the emulated matrix unit, which is slow, takes part.
constexpr std::int64_t kEmulatedProducts = 20'000'000;

}  // namespace

TEST_CASE("every pair of variant and edge agrees with the reference") {
  const auto rows = covering_array({variants().size(), kLengths.size(), kLengths.size(), kHeadDims.size(), kValueDims.size(), kHeads.size(),
                                    kOffsets.size(), kTypes.size(), kLayouts.size(), kBlocks.size(), 2});
  std::uint64_t seed = 0;
  for (const auto& row : rows) {
    const Variant& variant = variants()[row[0]];
    const Heads& heads = kHeads[row[5]];
    Shape shape{heads.batch,        heads.heads,   heads.kv_heads, kLengths[row[1]],       kLengths[row[2]],       kHeadDims[row[3]],
                kValueDims[row[4]], heads.k_batch, heads.v_batch,  kOffsets[row[6]].first, kOffsets[row[6]].second};
    if (shape.value_dim == 0) shape.value_dim = shape.head_dim;
    Problem problem(shape, variant, {kTypes[row[7]], kLayouts[row[8]], ++seed, row[10] == 1, 0});
    const ReferenceOutput reference = problem.reference();
    const BlockMask mask = problem.block_mask(kBlocks[row[9]].first, kBlocks[row[9]].second);
    INFO(variant.name << ", batch " << shape.batch << ", heads " << shape.heads << "/" << shape.kv_heads << ", lengths " << shape.q_len << ", "
                      << shape.kv_len << ", widths " << shape.head_dim << ", " << shape.value_dim << ", offsets " << shape.q_offset << ", "
                      << shape.kv_offset << ", " << name_of(kTypes[row[7]]) << ", layout " << row[8] << ", blocks " << mask.block_q << "x"
                      << mask.block_kv << ", seed " << seed);
    const bool is_small = shape.batch * shape.heads * shape.q_len * shape.kv_len * (shape.head_dim + shape.value_dim) <= kEmulatedProducts;
    for (const std::string& target : is_small ? targets() : cpu::kernel_targets()) {
      INFO(target);
      const Result result = problem.run({target, 1, nullptr});
      CHECK(problem.compare(result, reference) == "");
      CHECK(same_bits(result, problem.run({target, 2, nullptr})));
      CHECK(same_bits(result, problem.run({target, 1, &mask})));
    }
  }
  WARN(rows.size() << " calls on " << cpu::kernel_targets().size() << " instruction sets");
}

TEST_CASE("instruction sets with fused multiplication agree to the bit") {
  Problem problem({1, 2, 1, 130, 300, 72, 40, 0, 0, 200, 0}, variant("alibi_causal"), {});
  std::vector<Result> results;  // without the matrix unit, whose sums have an order of their own
  for (const std::string& target : cpu::kernel_targets())
    if (target == "AVX2" || target == "AVX3") results.push_back(problem.run({target, 1, nullptr}));
  for (const Result& result : results) CHECK(same_bits(results.front(), result));
}

TEST_CASE("weights of exponents halfway between two integers, and at the end of the range, are the same bits everywhere") {
  // Score i of every row is t[i] in the log2 domain, and V the identity: output i is weight i over their sum.
  constexpr std::int64_t kKeys = 300;
  Problem problem({1, 1, 1, 40, kKeys, 1, kKeys}, variant("noop"), {DType::F32, Layout::Dense, 1, false, std::numbers::ln2});
  for (std::int64_t row = 0; row < 40; ++row) problem.q.set(0, 0, row, 0, 1);
  for (std::int64_t i = 0; i < kKeys; ++i) {
    // 0, -1/4, … -64.75, then -110.5, -111, … -129, and what is far away.
    const double t = i < 260 ? -0.25 * static_cast<double>(i) : i < 298 ? -110.5 - 0.5 * static_cast<double>(i - 260) : i == 298 ? -1e30 : -std::numeric_limits<double>::infinity();
    problem.k.set(0, 0, i, 0, t);
    for (std::int64_t j = 0; j < kKeys; ++j) problem.v.set(0, 0, i, j, i == j ? 1 : 0);
  }
  REQUIRE(static_cast<float>(std::numbers::ln2 * cpu::kLog2e) == 1.0f);
  std::vector<Result> results;
  for (const std::string& target : cpu::kernel_targets())
    if (target == "AVX2" || target == "AVX3") results.push_back(problem.run({target, 1, nullptr}));
  for (const Result& result : results) {
    CHECK(same_bits(results.front(), result));
    for (std::size_t i = 0; i < 260; ++i) {
      const double weight = result.out[i] / result.out[0];
      INFO(i << " " << weight);
      CHECK(std::abs(weight / std::exp2(-0.25 * static_cast<double>(i)) - 1) < 4e-7);  // 1.7e-7 of the exponential, and two roundings
    }
    for (std::size_t i = 260; i < 298; ++i) {  // outputs below 2^-126 are 0
      const double weight = result.out[i] / result.out[0], right = std::exp2(-110.5 - 0.5 * static_cast<double>(i - 260));
      INFO(i << " " << weight);
      if (right * result.out[0] < 0x1p-126)
        CHECK(result.out[i] == 0);
      else
        CHECK(std::abs(weight / right - 1) < 4e-7);
    }
    CHECK(result.out[298] == 0);
    CHECK(result.out[299] == 0);
  }
}

TEST_CASE("the comparison rejects a wrong result") {
  Problem problem({1, 1, 1, 20, 20, 16, 16}, variant("causal"), {});
  const ReferenceOutput reference = problem.reference();
  const Result good = problem.run();
  REQUIRE(problem.compare(good, reference) == "");
  Result bad = good;
  bad.out[33] += 1e-3;
  CHECK(problem.compare(bad, reference) != "");
  bad = good;
  bad.out[33] = std::numeric_limits<double>::quiet_NaN();
  CHECK(problem.compare(bad, reference) != "");
  bad = good;
  bad.lse[3] += 1e-3f;
  CHECK(problem.compare(bad, reference) != "");
  bad = good;
  bad.max_scores[3] = std::numeric_limits<float>::infinity();
  CHECK(problem.compare(bad, reference) != "");
  bad = good;
  bad.bytes[40] ^= std::byte{1};
  CHECK_FALSE(same_bits(good, bad));
  CHECK(problem.compare(Result{}, reference) != "");
}

}  // namespace flexc::cpu_test
