// The corners of the meaning: NaN and infinities, sinks, empty rows, zero lengths, unusual scales, wrong arguments.
#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "templates/cpu/finish.h"
#include "templates/cpu/mods.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

/// Runs on each instruction set and compares; all of them must also agree with one more thread and with a block mask.
void check_against_reference(Problem& problem) {
  const ReferenceOutput reference = problem.reference();
  const BlockMask mask = problem.block_mask(32, 64);
  for (const std::string& target : targets()) {
    INFO(target);
    const Result result = problem.run({target, 1, nullptr});
    CHECK(problem.compare(result, reference) == "");
    CHECK(same_bits(result, problem.run({target, 2, &mask})));
  }
}

/// Whether two results are equal as numbers (zeros of either sign alike).
bool same_numbers(const Result& a, const Result& b) { return a.out == b.out && a.lse == b.lse && a.max_scores == b.max_scores; }

}  // namespace

TEST_CASE("what stands at removed pairs has no effect") {
  // Causal with offset 0: columns from 90 on are removed for every row.
  // Of 32 values the last products are written as outputs, of 24 they are not.
  for (const char* name : {"causal", "alibi_causal", "document_causal"})
    for (const auto& [poison, type, width] : {std::tuple{kNan, DType::F32, 24}, {kNan, DType::F32, 32}, {kInfinity, DType::F32, 32}, {-kInfinity, DType::F32, 24}, {kNan, DType::BF16, 24}, {kInfinity, DType::F16, 24}}) {
      INFO(name << " " << poison << ", " << name_of(type) << ", " << width << " values");
      const Shape shape{1, 2, 1, 90, 140, 40, width};
      Problem clean(shape, variant(name), {type}), poisoned(shape, variant(name), {type});
      for (std::int64_t column = 60; column < 140; column += 3) {
        if (column < 90) continue;
        poisoned.k.set(0, 0, column, column % 40, poison);
        poisoned.v.set(0, 0, column, column % 24, poison);
      }
      check_against_reference(poisoned);
      for (const std::string& target : targets()) CHECK(same_numbers(clean.run({target}), poisoned.run({target})));
    }
}

TEST_CASE("NaN and infinities reach the rows that keep them, and no others") {
  for (const char* name : {"noop", "causal", "sliding_window", "alibi", "softcap", "bias", "dilated", "document", "first_half_false"})
    for (const double poison : {kNan, kInfinity, -kInfinity})
      for (const auto& [where, width] : {std::pair{0, 20}, {1, 20}, {2, 20}, {0, 16}, {1, 16}, {2, 16}}) {
        INFO(name << " " << poison << " in tensor " << where << ", " << width << " values");
        Problem problem({1, 1, 1, 70, 70, 16, width}, variant(name), {});
        if (where == 0) problem.q.set(0, 0, 33, 5, poison);
        if (where == 1) problem.k.set(0, 0, 41, 5, poison);
        if (where == 2) problem.v.set(0, 0, 41, 5, poison);
        check_against_reference(problem);
      }
}

TEST_CASE("a removed pair leaks nothing into a row of several tiles") {
  // Two tiles of 512: NaN in the first one, in a column that the window has left behind.
  Shape shape{1, 1, 1, 40, 700, 16, 16};
  shape.q_offset = 650;
  for (const DType type : {DType::F32, DType::BF16, DType::F16}) {
    INFO(name_of(type));
    Problem clean(shape, variant("sliding_window"), {type}), poisoned(shape, variant("sliding_window"), {type});
    poisoned.v.set(0, 0, 10, 3, kNan);
    poisoned.v.set(0, 0, 612, 3, kNan);  // kept by no row: 650 - 612 > 37
    poisoned.k.set(0, 0, 697, 3, kNan);  // ahead of all rows
    check_against_reference(poisoned);
    for (const std::string& target : targets()) CHECK(same_numbers(clean.run({target}), poisoned.run({target})));
  }
}

TEST_CASE("a score of -inf is removed in every respect") {
  Problem clean({1, 1, 1, 20, 50, 16, 16}, variant("even"), {}), poisoned({1, 1, 1, 20, 50, 16, 16}, variant("even"), {});
  for (std::int64_t column = 1; column < 50; column += 2) {
    poisoned.k.set(0, 0, column, 1, kNan);
    poisoned.v.set(0, 0, column, 1, kInfinity);
  }
  check_against_reference(poisoned);
  CHECK(same_numbers(clean.run(), poisoned.run()));
}

TEST_CASE("sinks") {
  for (const auto& [name, type] : {std::pair{"noop", DType::F32}, {"causal", DType::F32}, {"all_false", DType::F32}, {"first_half_false", DType::F32}, {"alibi", DType::F32},
                                   {"causal", DType::BF16}, {"first_half_false", DType::F16}})
    for (const float value :
         {0.0f, -3.0f, 200.0f, 1e30f, -1e30f, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::nanf("")}) {
      INFO(name << " sink " << value << ", " << name_of(type));
      Problem problem({1, 2, 2, type == DType::F32 ? 30 : 34, 40, 16, 16}, variant(name), {type});
      problem.sink = {value, 1.0f};
      check_against_reference(problem);
    }
}

TEST_CASE("empty rows are zero, their lse -inf or the sink") {
  Problem problem({2, 2, 1, 19, 33, 8, 8}, variant("all_false"), {});
  const Result result = problem.run();
  for (double value : result.out) CHECK(value == 0);
  for (std::size_t i = 0; i + 1 < result.lse.size(); ++i) CHECK((result.lse[i] == -kInfinity && result.max_scores[i] == -kInfinity));
}

TEST_CASE("zero lengths") {
  for (const char* name : {"noop", "causal", "bias"}) {
    Problem no_keys({1, 2, 1, 9, 0, 16, 16}, variant(name), {DType::F32, Layout::Dense, 1, true, 0});
    check_against_reference(no_keys);
    Problem no_rows({1, 2, 1, 0, 9, 16, 16}, variant(name), {});
    const Result result = no_rows.run();
    CHECK(result.out.empty());
    CHECK(result.lse == std::vector<float>{77.0f});
  }
}

TEST_CASE("scales of any sign and size") {
  for (const char* name : {"noop", "alibi", "softcap"})
    for (const double scale : {1.0, -0.5, 3.0, 1e-13, 1e-30}) {
      INFO(name << " scale " << scale);
      Problem problem({1, 1, 1, 20, 90, 16, 16}, variant(name), {DType::F32, Layout::Dense, 1, false, scale});
      check_against_reference(problem);
    }
  // Scores beyond what f32 resolves: only one pair counts, or the bound is as wide as the scores.
  Problem huge({1, 1, 1, 20, 90, 16, 16}, variant("noop"), {DType::F32, Layout::Dense, 1, false, 1e14});
  const Result result = huge.run();
  for (double value : result.out) CHECK(std::isfinite(value));
}

// One sum over the whole width would be off by up to 1.3 times the bound here.
TEST_CASE("products of wide heads are exact enough") {
  for (const std::int64_t width : {192, 256}) {
    INFO("head dim " << width);
    Problem problem({1, 4, 4, 256, 512, width, 32}, variant("noop"), {DType::F32, Layout::Dense, 2, false, 0.7});
    check_against_reference(problem);
  }
  for (const DType type : {DType::BF16, DType::F16}) {
    INFO(name_of(type));
    Problem problem({1, 1, 1, 64, 512, 256, 32}, variant("noop"), {type, Layout::Dense, 2, false, 0.7});
    check_against_reference(problem);
  }
}

TEST_CASE("large scores do not overflow") {
  for (const DType type : {DType::F32, DType::BF16, DType::F16}) {
    INFO(name_of(type));
    Problem problem({1, 1, 1, 40, 600, 32, 32}, variant("causal"), {type, Layout::Dense, 1, false, 50});
    check_against_reference(problem);
  }
}

TEST_CASE("positions far from zero") {
  Shape shape{1, 2, 2, 40, 60, 16, 16};
  shape.q_offset = shape.kv_offset = (std::int64_t{1} << 20) - 30;
  Problem problem(shape, variant("alibi_causal"), {});
  check_against_reference(problem);
}

#ifdef __linux__
TEST_CASE("offsets beyond 2^31 elements") {
  // Heads, batches and rows far apart in a sparse mapping: 2^32 elements between heads, 2^28 between rows of K.
  constexpr std::int64_t kHeadStep = std::int64_t{1} << 32, kRowStep = std::int64_t{1} << 28;
  const Shape shape{1, 2, 2, 5, 9, 16, 16};
  const Problem problem(shape, variant("causal"), {});
  const Result expected = problem.run();
  REQUIRE_FALSE(expected.out.empty());
  constexpr auto kBytes = static_cast<std::size_t>(2 * kHeadStep + 16 * kRowStep) * sizeof(float);
  void* const mapping = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) {
    WARN("skipped: the system refuses a sparse mapping of " << kBytes << " bytes");
    return;
  }
  auto* const far = static_cast<float*>(mapping);
  cpu::AttentionArguments call = problem.arguments();
  std::int64_t place = 0;  // q, k, v and out share the mapping, 1,024 elements apart
  const auto move = [&](const Tensor& from, std::int64_t rows, cpu::Input& input) {
    for (std::int64_t h = 0; h < 2; ++h)
      for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t i = 0; i < 16; ++i) far[place + h * kHeadStep + row * kRowStep + i] = static_cast<float>(from.get(0, h, row, i));
    input = {far + place, {2 * kHeadStep, kHeadStep, kRowStep}};
    place += 1024;
  };
  move(problem.q, 5, call.q);
  move(problem.k, 9, call.k);
  move(problem.v, 9, call.v);
  call.out = {far + place, {2 * kHeadStep, kHeadStep, kRowStep}};
  cpu::WorkerPool pool(1);
  REQUIRE(cpu::run_attention(call, pool));
  std::size_t wrong = 0, index = 0;
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t row = 0; row < 5; ++row)
      for (std::int64_t i = 0; i < 16; ++i) wrong += far[place + h * kHeadStep + row * kRowStep + i] != expected.out[index++];
  CHECK(wrong == 0);
  munmap(mapping, kBytes);
}
#endif

TEST_CASE("overlapping views") {
  // Every key is the row before, one element further on: K and V are windows on one vector.
  const Shape shape{1, 1, 1, 12, 40, 16, 16};
  Problem copied(shape, variant("alibi_causal"), {});
  std::vector<float> line(64);
  for (std::size_t i = 0; i < line.size(); ++i) line[i] = std::sin(static_cast<float>(i));
  for (std::int64_t row = 0; row < 40; ++row)
    for (std::int64_t i = 0; i < 16; ++i) {
      copied.k.set(0, 0, row, i, line[static_cast<std::size_t>(row + i)]);
      copied.v.set(0, 0, row, i, line[static_cast<std::size_t>(row + i)]);
    }
  const Result expected = copied.run();
  cpu::AttentionArguments call = copied.arguments();
  call.k = call.v = {line.data(), {0, 0, 1}};
  std::vector<float> out(12 * 16);
  call.out = {out.data(), {0, 0, 16}};
  cpu::WorkerPool pool(1);
  REQUIRE(cpu::run_attention(call, pool));
  CHECK(std::equal(out.begin(), out.end(), expected.out.begin(), expected.out.end()));
}

TEST_CASE("a maximum of zero is +0, whichever zero was met first") {
  // Instruction sets differ in which of two zeros is the larger one.
  const Shape shape{1, 1, 1, 8, 16, 16, 16};
  const Problem problem(shape, variant("noop"), {});
  cpu::AttentionArguments call = problem.arguments();
  std::vector<float> max_scores(8, 1.0f);
  call.max_scores = {max_scores.data(), {0, 0, 1}};
  const cpu::Plan plan = cpu::make_plan(call);
  cpu::Workspace workspace;
  REQUIRE(workspace.allocate(plan));
  cpu::Group& group = workspace.groups.front();
  group.place = cpu::place_of(plan, 0, 0);
  const std::vector<float> totals(8, 16.0f);
  std::vector<float> factors(8);
  for (int row = 0; row < 8; ++row) group.top[row] = row % 2 == 0 ? 0.0f : -0.0f;
  cpu::end_rows(plan, group, totals.data(), factors.data());
  CHECK(factors == std::vector<float>(8, 1.0f / 16));
  for (const float score : max_scores) {
    CHECK(score == 0);
    CHECK_FALSE(std::signbit(score));
  }
}

TEST_CASE("affine numbers of a row are used only where sums and weights stay finite") {
  const auto usable = [](float factor, float slope, float row) {
    flexc_row_affine affine{};
    affine.factor = factor, affine.slope = slope, affine.row = row;
    return cpu::is_usable(affine, 512);
  };
  CHECK(usable(1, -0.5f, 0x1p29f));
  CHECK(usable(-1e36f, 1e33f, -0x1p29f));
  // The maximum of scores beside 2^30 and more is a multiple of 2^7: counted from it, a weight could be infinite (`score + 1e11` gave infinities and NaN).
  CHECK_FALSE(usable(1, 0, 0x1p30f));
  CHECK_FALSE(usable(1, 0, -1e11f));
  CHECK_FALSE(usable(1e37f, 0, 0));
  CHECK_FALSE(usable(1, 1e35f, 0));
  for (const float wrong : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    CHECK_FALSE(usable(wrong, 0, 0));
    CHECK_FALSE(usable(1, wrong, 0));
    CHECK_FALSE(usable(1, 0, wrong));
  }
}

TEST_CASE("arguments that do not fit are refused") {
  cpu::WorkerPool pool(1);
  float values[64] = {};
  cpu::AttentionArguments good;
  good.batch = good.heads = good.kv_heads = good.q_len = good.kv_len = 1;
  good.head_dim = good.value_dim = 4;
  good.q.data = good.k.data = good.v.data = values;
  good.out.data = values + 32;
  good.scale = 1;
  REQUIRE(cpu::run_attention(good, pool));
  const auto refused = [&](auto change) {
    cpu::AttentionArguments bad = good;
    change(bad);
    const auto result = cpu::run_attention(bad, pool);
    return !result && result.error().kind == ErrorKind::Internal && !result.error().message.empty();
  };
  CHECK(refused([](auto& call) { call.kv_heads = 2; }));
  CHECK(refused([](auto& call) { call.head_dim = 0; }));
  CHECK(refused([](auto& call) { call.q_len = -1; }));
  CHECK(refused([](auto& call) { call.dtype = DType::I32; }));
  CHECK(refused([](auto& call) { call.k.data = nullptr; }));
  CHECK(refused([](auto& call) { call.target = "no such set"; }));
  flexc_row_module module{};
  CHECK(refused([&](auto& call) { call.module = &module; }));
  module.abi_version = FLEXC_ROW_ABI_VERSION;
  module.score_class = FLEXC_SCORE_GENERAL;
  CHECK(refused([&](auto& call) { call.module = &module; }));
  BlockMask mask;
  CHECK(refused([&](auto& call) { call.mask = &mask; }));
  mask.q_len = mask.kv_len = 1;
  mask.row_begin = {0, 5};
  CHECK(refused([&](auto& call) { call.mask = &mask; }));
}

}  // namespace flexc::cpu_test
