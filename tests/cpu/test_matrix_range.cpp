// Sizes of inputs, scales and scores on the matrix unit: what its numbers cannot hold comes out as by vectors.
#include <random>

#include "tests/cpu/matrix_targets.h"

namespace flexc::cpu_test {
namespace {

/// Whether each value is finite, NaN, or the same infinity in both.
bool same_kinds(const Result& a, const Result& b) {
  const auto same = [](const auto& x, const auto& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](double one, double other) {
      return std::isnan(one) ? std::isnan(other) : std::isinf(one) ? one == other : std::isfinite(other);
    });
  };
  return same(a.out, b.out) && same(a.lse, b.lse) && same(a.max_scores, b.max_scores);
}

}  // namespace

TEST_CASE("matrix unit: rows of f32 beyond its reach are those of vectors, and all others are as ever") {
  const Shape shape{1, 2, 1, 40, 250, 24, 40};  // one tile, whatever computes it
  const std::string vectors = "AVX2";  // whose bits are those of AVX-512 too, and which is there where a unit is, real or emulated
  // What lies just within, and just beyond, on either side; and what no unit can cut.
  struct Case { double value; bool beyond; };
  for (const auto& [value, beyond] : {Case{0x1p-50, false}, Case{-0x1p56, false}, Case{std::nextafter(0x1p-50f, 0.0f), true}, Case{std::nextafter(-0x1p56f, -1e30f), true}, Case{1e-40, true},
                                      Case{1e25, true}, Case{kInfinity, true}, Case{std::nan(""), true}, Case{-0.0, false}})
    for (const char* name : {"noop", "sliding_window", "alibi", "softcap"})
      for (const int where : {0, 1, 2}) {
        INFO(value << " in tensor " << where << ", " << name);
        // Without a score_mod q is multiplied by 1 / ln 2 first, and its limits are others.
        if (where == 0 && (std::string_view(name) == "noop" || std::string_view(name) == "sliding_window")) continue;
        const Setting setting{DType::F32, Layout::Dense, 7, true, 1.0};
        const Problem clean(shape, variant(name), setting);
        Problem problem(shape, variant(name), setting);
        const std::int64_t row = 17, column = 220;
        if (where == 0) problem.q.set(0, 1, row, 5, value);
        if (where == 1) problem.k.set(0, 0, column, 5, value);
        if (where == 2) problem.v.set(0, 0, column, 5, value);
        for (const std::string& target : matrix_targets()) {
          INFO(target);
          const Result result = problem.run({target, 1, nullptr}), by_vectors = problem.run({vectors, 1, nullptr}), untouched = clean.run({target, 1, nullptr});
          int by_unit = 0, wrong = 0;
          for (std::int64_t i = 0; i < 2 * shape.q_len; ++i) {
            const auto equal = [&](const Result& other) {
              for (std::int64_t j = i * shape.value_dim; j < (i + 1) * shape.value_dim; ++j) {
                const auto at = static_cast<std::size_t>(j);
                if (!(result.out[at] == other.out[at] || (std::isnan(result.out[at]) && std::isnan(other.out[at])))) return false;
              }
              return true;
            };
            // A row of q concerns one row; a column those that keep it: all, or with the window none of 0 to 39.
            const bool is_concerned = where == 0 ? i == shape.q_len + row : std::string_view(name) != "sliding_window";
            if (!is_concerned)
              wrong += !equal(untouched);
            else if (beyond)
              wrong += !equal(by_vectors);
            by_unit += is_concerned && !beyond && !equal(by_vectors);
          }
          CHECK(wrong == 0);
          if (value == 0x1p-50 && where != 0 && std::string_view(name) != "sliding_window") CHECK(by_unit > 60);
        }
      }
}

TEST_CASE("matrix unit: an element beyond its reach is found wherever it stands") {
  // Rows where they lie and rows with padding, whole panels of columns and a part of one, two tiles; what is there may be the only one or have others beside it.
  std::mt19937 random(20261122);
  const auto below = [&](std::int64_t end) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end)); };
  for (const std::int64_t width : {64, 40})
    for (int i = 0; i < 40; ++i) {
      const Shape shape{1, 1, 1, 48, 530, width, width};
      Problem problem(shape, variant("causal"), {DType::F32, i % 2 == 0 ? Layout::Dense : Layout::Padded, 3, false, 1.0});
      Problem clean(shape, variant("causal"), {DType::F32, i % 2 == 0 ? Layout::Dense : Layout::Padded, 3, false, 1.0});
      const bool is_k = i % 4 < 2;
      const std::int64_t column = below(48), element = below(width);  // causal rows keep a column from their own number on
      const double value = i % 3 == 0 ? 1e-40 : i % 3 == 1 ? -0x1p57 : 0x1p-51;
      INFO((is_k ? "k" : "v") << " column " << column << ", element " << element << " of " << width << ": " << value);
      (is_k ? problem.k : problem.v).set(0, 0, column, element, value);
      for (const std::string& target : matrix_targets()) {
        const Result result = problem.run({target, 1, nullptr}), untouched = clean.run({target, 1, nullptr}), by_vectors = problem.run({"AVX2", 1, nullptr});
        int wrong = 0;
        for (std::int64_t at = 0; at < 48 * width; ++at) {
          const auto j = static_cast<std::size_t>(at);
          wrong += result.out[j] != (at / width < column ? untouched : by_vectors).out[j];
        }
        CHECK(wrong == 0);
      }
    }
}

TEST_CASE("matrix unit: sizes of f32 inputs over all of its range") {
  for (const double q : {1e-30, 1e-12, 1.0, 1e12, 1e17})
    for (const double k : {1e-30, 1e-12, 1.0, 1e15})
      for (const double v : {1e-38, 1e-14, 1.0, 1e16, 1e36}) {
        INFO("q about " << q << ", k " << k << ", v " << v);
        // The scale brings scores back to about 1: what the products lose would be seen.
        Problem problem({1, 1, 1, 40, 90, 32, 16}, variant("noop"), {DType::F32, Layout::Dense, 4, true, std::clamp(0.2 / q / k, 1e-38, 1e38)});
        const auto fill = [](Tensor& tensor, std::int64_t rows, std::int64_t width, double size) {
          for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t i = 0; i < width; ++i) tensor.set(0, 0, row, i, size * static_cast<double>((row * 7 + i * 3) % 11 + 1) / 7 * ((row + i) % 3 == 0 ? -1 : 1));
        };
        fill(problem.q, 40, 32, q), fill(problem.k, 90, 32, k);
        for (std::int64_t row = 0; row < 90; ++row)  // of one sign in each column: the bound is for sums that do not cancel
          for (std::int64_t i = 0; i < 16; ++i) problem.v.set(0, 0, row, i, (i % 2 == 0 ? v : -v) * static_cast<double>((row * 7 + i) % 5 + 3) / 7);
        const Result expected = problem.run({cpu::kernel_targets().back(), 1, nullptr});
        for (const std::string& target : matrix_targets()) {
          INFO(target);
          const Result result = problem.run({target, 1, nullptr});
          REQUIRE(result.out.size() == expected.out.size());
          double apart = 0;
          for (std::size_t i = 0; i < result.out.size(); ++i) apart = std::max(apart, std::abs(result.out[i] / expected.out[i] - 1));
          CHECK(apart < 2e-6);
        }
      }
}

TEST_CASE("matrix unit: f32 is as near to the reference as by vectors") {
  for (const char* name : {"noop", "causal", "alibi", "softcap", "sliding_window"})
    for (const std::int64_t width : {16, 64, 128}) {
      const Problem problem({1, 2, 1, 64, 700, width, 64, 0, 0, 600, 0}, variant(name), {DType::F32});
      const ReferenceOutput exact = problem.reference();
      const auto error_of = [&](const std::string& target) {
        const Result result = problem.run({target, 2, nullptr});
        double squares = 0;
        for (std::size_t i = 0; i < result.out.size(); ++i) squares += (result.out[i] - exact.out[i]) * (result.out[i] - exact.out[i]);
        return std::sqrt(squares / static_cast<double>(result.out.size()));
      };
      const double by_vectors = error_of(cpu::kernel_targets().back());
      for (const std::string& target : matrix_targets()) {
        INFO(name << ", width " << width << ", " << target << ": " << error_of(target) << ", by vectors " << by_vectors);
        CHECK(error_of(target) <= 1.25 * by_vectors);
      }
    }
}

TEST_CASE("matrix unit: denormals of f16 count, in q and in v") {
  Problem problem({1, 1, 1, 40, 90, 32, 16}, variant("noop"), {DType::F16, Layout::Dense, 1, false, 0x1p20});
  for (std::int64_t row = 0; row < 40; ++row)
    for (std::int64_t i = 0; i < 32; ++i) problem.q.set(0, 0, row, i, 0x1p-24 * static_cast<double>((row * 5 + i * i) % 2047 - 1023));
  for (std::int64_t column = 0; column < 90; ++column)
    for (std::int64_t i = 0; i < 16; ++i) problem.v.set(0, 0, column, i, 0x1p-24 * static_cast<double>((column * 7 + i) % 1023));
  check(problem);
}

TEST_CASE("matrix unit: V up to the ends of its type") {
  for (const DType type : kTypes)
    for (const double size : {0x1p-14, 0x1p-24, 6e4, 1e-38, 1e36}) {
      if (type == DType::F16 && (size == 1e-38 || size == 1e36)) continue;
      INFO(name_of(type) << ", V about " << size);
      Problem problem({1, 1, 1, 40, 90, 32, 16}, variant("causal"), {type});
      // Of one sign in each column: the bound is for sums that do not cancel.
      for (std::int64_t column = 0; column < 90; ++column)
        for (std::int64_t i = 0; i < 16; ++i) problem.v.set(0, 0, column, i, (i % 2 == 0 ? size : -size) * static_cast<double>((column * 7 + i) % 5 + 3) / 7);
      check(problem);
    }
}

TEST_CASE("matrix unit: scales of any sign and size") {
  for (const DType type : kTypes)
    for (const char* name : {"noop", "alibi", "softcap"})
      for (const double scale : {1.0, -0.5, 3.0, 1e-13, 1e-30, -1e-30, 1e-320}) {  // the last one is 0 as an f32
        INFO(name << ", " << name_of(type) << ", scale " << scale);
        check(Problem({1, 1, 1, 40, 90, 16, 16}, variant(name), {type, Layout::Dense, 1, false, scale}));
      }
}

TEST_CASE("matrix unit: scores beyond f32 come out as without it") {
  // Products of 16 whole numbers: they are exact whatever their order, so what overflows is the same with each kernel.
  const auto whole = [](Tensor& tensor, std::int64_t rows, std::int64_t step) {
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t i = 0; i < 16; ++i) tensor.set(0, 0, row, i, static_cast<double>((row * step + i * i) % 7 - 3));
  };
  for (const DType type : kTypes)
    for (const char* name : {"noop", "causal", "alibi", "softcap"})
      for (const std::int64_t keys : {1, 90})
        for (const double scale : {1e14, 1e37, 1e38, 3e38, -1e38, -3e38}) {
          INFO(name << ", " << name_of(type) << ", " << keys << " keys, scale " << scale);
          Problem problem({1, 1, 1, 40, keys, 16, 16}, variant(name), {type, Layout::Dense, 1, true, scale});
          whole(problem.q, 40, 3), whole(problem.k, keys, 5);
          if (matrix_targets().empty()) continue;
          const Result result = run_all(problem);
          for (const std::string& target : cpu::kernel_targets()) {
            INFO(target);
            CHECK(same_kinds(result, problem.run({target, 1, nullptr})));
          }
        }
  // Products that overflow themselves: bf16 alone reaches so far.
  for (const char* name : {"noop", "causal", "alibi", "softcap"})
    for (const double scale : {1.0, 1e-30, -1.0}) {
      INFO(name << ", large q and k, scale " << scale);
      Problem problem({1, 1, 1, 40, 90, 16, 16}, variant(name), {DType::BF16, Layout::Dense, 1, false, scale});
      for (std::int64_t i = 0; i < 16; ++i) problem.q.set(0, 0, 11, i, 1e30), problem.k.set(0, 0, 5, i, i % 2 == 0 ? 1e30 : 2e30), problem.k.set(0, 0, 6, i, -1e30);
      if (matrix_targets().empty()) continue;
      const Result result = run_all(problem);
      for (const std::string& target : cpu::kernel_targets()) {
        INFO(target);
        CHECK(same_kinds(result, problem.run({target, 1, nullptr})));
      }
    }
}

namespace {

/// A score_mod that lets no NaN be seen: 1 above 5, else 0, in the log2 domain.
void step_at_five(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, float* s) {
  for (std::int64_t i = 0; i < segment->count; ++i) s[i] = s[i] > 5.0f ? 1.44269504f : 0.0f;
}

/// Keeps what is above 0, a score_mod as a mask; and the same much smaller.
void above_zero(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, float* s) {
  for (std::int64_t i = 0; i < segment->count; ++i) s[i] = s[i] > 0 ? 1.44269504f * std::min(s[i], 2.0f) : -std::numeric_limits<float>::infinity();
}
void above_zero_small(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, float* s) {
  for (std::int64_t i = 0; i < segment->count; ++i) s[i] = s[i] > 0 ? 1.44269504f * std::min(s[i] * 1e-28f, 2.0f) : -std::numeric_limits<float>::infinity();
}

/// Each unit's result is that of vectors, but for rounding.
void check_as_by_vectors(const Problem& problem, const flexc_row_module* module) {
  const Result expected = problem.run({cpu::kernel_targets().back(), 1, nullptr, module});
  for (const std::string& target : matrix_targets()) {
    INFO(target);
    const Result result = problem.run({target, 1, nullptr, module});
    REQUIRE(result.out.size() == expected.out.size());
    int apart = 0;
    for (std::size_t i = 0; i < result.out.size(); ++i) apart += !(std::abs(result.out[i] - expected.out[i]) <= 1e-2 || (std::isnan(result.out[i]) && std::isnan(expected.out[i])));
    for (std::size_t i = 0; i < result.lse.size(); ++i) apart += !(std::abs(result.lse[i] - expected.lse[i]) <= 1e-4f || (std::isnan(result.lse[i]) && std::isnan(expected.lse[i])));
    CHECK(apart == 0);
  }
}

}  // namespace

TEST_CASE("matrix unit: products beyond f32 that the scale brings back") {
  struct Case { double q, k, last, scale; };
  // All products of a row, with scales of both signs; and some of them.
  for (const auto& [q, k, last, scale] : {Case{1.2e19, -1.2e19, -1.2e19, 0.01}, Case{1.2e19, 1.2e19, 1.2e19, -0.01}, Case{1.2e19, -1.2e19, -1e3, 0.01}}) {
    INFO(q << " " << k << " " << last << " " << scale);
    Problem problem({1, 1, 1, 40, 90, 16, 16}, variant("noop"), {DType::BF16, Layout::Dense, 1, false, scale});
    for (std::int64_t row = 0; row < 40; ++row)
      for (std::int64_t i = 0; i < 16; ++i) problem.q.set(0, 0, row, i, q);
    for (std::int64_t row = 0; row < 90; ++row)
      for (std::int64_t i = 0; i < 16; ++i) problem.k.set(0, 0, row, i, row == 89 ? last : k);
    check(problem);
  }
}

TEST_CASE("matrix unit: sums that overflow in its order alone are those of vectors") {
  // By vectors the sums stay within f32. On the unit, which adds even and odd elements apart, each pair would be -inf and weigh nothing.
  const double keys[] = {-2e38, 3e38, -2e38, 0.3e38};
  for (const char* name : {"noop", "alibi", "softcap"}) {
    INFO(name);
    Problem problem({1, 1, 1, 40, 90, 16, 16}, variant(name), {DType::BF16, Layout::Dense, 1, false, 0.25});
    for (std::int64_t row = 0; row < 40; ++row)
      for (std::int64_t i = 0; i < 16; ++i) problem.q.set(0, 0, row, i, 1);
    for (std::int64_t row = 0; row < 90; ++row)
      for (std::int64_t i = 0; i < 16; ++i) problem.k.set(0, 0, row, i, i < 4 ? keys[i] : 0);
    check_as_by_vectors(problem, nullptr);
  }
}

TEST_CASE("matrix unit: products of wide heads are summed as by vectors") {
  flexc_row_module module{};
  module.abi_version = FLEXC_ROW_ABI_VERSION;
  module.score_class = FLEXC_SCORE_GENERAL;
  module.score_row = above_zero;
  Problem problem({1, 1, 1, 40, 90, 192, 16}, variant("noop"), {DType::F32, Layout::Dense, 1, false, 1.0});
  for (std::int64_t row = 0; row < 40; ++row)
    for (std::int64_t i = 0; i < 192; ++i) problem.q.set(0, 0, row, i, 1);
  for (std::int64_t row = 0; row < 90; ++row)
    for (std::int64_t i = 0; i < 192; ++i) problem.k.set(0, 0, row, i, row == 34 ? 0 : i == 0 ? 1e-3 : 0);
  problem.k.set(0, 0, 34, 0, -3e38), problem.k.set(0, 0, 34, 64, -3e38), problem.k.set(0, 0, 34, 65, 3.3e38), problem.k.set(0, 0, 34, 128, 3.3e38);
  for (std::int64_t i = 0; i < 16; ++i) problem.v.set(0, 0, 34, i, 100);
  check_as_by_vectors(problem, &module);
}

TEST_CASE("matrix unit: a mod that may remove a pair gets the product that is there") {
  // One key is beyond the reach of f32 on the unit, where its product would come out as NaN, or as 0: the mod would remove what is to be kept.
  struct Case { double q, k; void (*mod)(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment*, float*); };
  for (const auto& [q, k, mod] : {Case{1, kInfinity, above_zero}, Case{1e-10, 3.3999e38, above_zero_small}, Case{0x1p-30, 0x1p-100, above_zero}, Case{0x1p-49, 0x1p-70, above_zero}}) {
    INFO(q << " " << k);
    flexc_row_module module{};
    module.abi_version = FLEXC_ROW_ABI_VERSION;
    module.score_class = FLEXC_SCORE_GENERAL;
    module.score_row = mod;
    Problem problem({1, 1, 1, 40, 90, 16, 16}, variant("noop"), {DType::F32});
    for (std::int64_t row = 0; row < 40; ++row)
      for (std::int64_t i = 0; i < 16; ++i) problem.q.set(0, 0, row, i, i == 0 ? q : 0);
    for (std::int64_t row = 0; row < 90; ++row) problem.k.set(0, 0, row, 0, row % 2 == 0 ? -1 : 1e-3);
    problem.k.set(0, 0, 34, 0, k);
    for (std::int64_t i = 0; i < 16; ++i) problem.v.set(0, 0, 34, i, 100);
    check_as_by_vectors(problem, &module);
  }
}

TEST_CASE("matrix unit: a mod that lets no NaN be seen gets the infinity that is there") {
  flexc_row_module module{};
  module.abi_version = FLEXC_ROW_ABI_VERSION;
  module.score_class = FLEXC_SCORE_GENERAL;
  module.score_row = step_at_five;
  for (const DType type : kTypes)
    for (const int where : {0, 1}) {
      INFO(name_of(type) << ", infinity in tensor " << where);
      Problem problem({1, 1, 1, 40, 90, 16, 16}, variant("noop"), {type});
      for (std::int64_t row = 0; row < 40; ++row)
        for (std::int64_t i = 0; i < 16; ++i) problem.q.set(0, 0, row, i, 1);
      for (std::int64_t row = 0; row < 90; ++row) problem.k.set(0, 0, row, 0, 1);
      (where == 0 ? problem.q : problem.k).set(0, 0, 33, 0, std::numeric_limits<double>::infinity());
      check_as_by_vectors(problem, &module);
    }
}

}  // namespace flexc::cpu_test
