// The path through the matrix unit: the emulated one anywhere, and the machine's where it has one.
#include "templates/cpu/matrix_unit.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "tests/cpu/covering.h"
#include "tests/cpu/emulated_kernels.h"
#include "tests/cpu/emulated_tiles.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::string kEmulated(kEmulatedTarget), kFaulty(kFaultyTarget), kReal = "AMX";

/// The kernels with a matrix unit. A test that finds none says so.
std::vector<std::string> matrix_targets() {
  std::vector<std::string> names;
  if (emulated_kernels(kEmulatedTarget)) names.push_back(kEmulated);
  if (cpu::has_matrix_unit()) names.push_back(kReal);
  if (names.empty()) WARN("skipped: the machine has neither a matrix unit nor AVX2 for the emulated one");
  return names;
}

/// Whether two units' results have the same bits, but for NaNs, which each has its own of, and the sign of a largest score of 0: of zeros of both signs
/// AVX2 and AVX-512 may find either.
bool same_but_nans(const Result& a, const Result& b) {
  const auto same = [](const auto& x, const auto& y, bool signs) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [signs](double one, double other) {
      return std::isnan(one) ? std::isnan(other) : one == other && (!signs || std::signbit(one) == std::signbit(other));
    });
  };
  return !a.out.empty() && same(a.out, b.out, true) && same(a.lse, b.lse, true) && same(a.max_scores, b.max_scores, false);
}

/// Runs on each matrix unit; they agree to the bit, with another number of threads and with a block mask too. Gives one of the results.
Result run_all(const Problem& problem) {
  const BlockMask mask = problem.block_mask(24, 40);
  Result first;
  for (const std::string& target : matrix_targets()) {
    INFO(target);
    const Result result = problem.run({target, 1, nullptr});
    CHECK(same_bits(result, problem.run({target, 2, &mask})));
    if (first.bytes.empty()) first = result;
    CHECK(same_but_nans(first, result));
  }
  CHECK_FALSE(EmulatedTiles::misused());
  return first;
}

void check(const Problem& problem) {
  if (!matrix_targets().empty()) CHECK(problem.compare(run_all(problem), problem.reference()) == "");
}

/// Whether each value is finite, NaN, or the same infinity in both.
bool same_kinds(const Result& a, const Result& b) {
  const auto same = [](const auto& x, const auto& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](double one, double other) {
      return std::isnan(one) ? std::isnan(other) : std::isinf(one) ? one == other : std::isfinite(other);
    });
  };
  return same(a.out, b.out) && same(a.lse, b.lse) && same(a.max_scores, b.max_scores);
}

// Tiles of one multiplication, as they lie in memory.
struct Operands {
  alignas(64) std::uint16_t a[16][32], b[16][32];
  alignas(64) std::uint32_t c[16][16];
};

/// C += A B, `times` times, which brings C's own numbers into it.
template <class Tiles>
void multiply(Operands& operands, int times) {
  Tiles::start();
  Tiles::template zero<7>();
  Tiles::template load<7>(operands.c, sizeof operands.c[0]);
  Tiles::template load<2>(operands.a, sizeof operands.a[0]);
  Tiles::template load<3>(operands.b, sizeof operands.b[0]);
  for (int i = 0; i < times; ++i) Tiles::template multiply<7, 2, 3>();
  Tiles::template store<7>(operands.c, sizeof operands.c[0]);
  Tiles::stop();
}

std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

/// One output's pairs, all others 0: c + sum of a[i] b[i].
float multiply_one(float c, const std::vector<std::pair<float, float>>& products) {
  Operands operands = {};
  operands.c[5][9] = bits_of(c);
  for (std::size_t i = 0; i < products.size(); ++i) {
    operands.a[5][i] = static_cast<std::uint16_t>(bits_of(products[i].first) >> 16);
    operands.b[i / 2][2 * 9 + i % 2] = static_cast<std::uint16_t>(bits_of(products[i].second) >> 16);
  }
  multiply<EmulatedTiles>(operands, 1);
  return std::bit_cast<float>(operands.c[5][9]);
}

struct Rows {
  std::int64_t batch, heads, kv_heads, q_len;
};
constexpr DType kTypes[] = {DType::BF16, DType::F16, DType::F32};

}  // namespace

TEST_CASE("emulated tiles: what Intel's manual says of one output") {
  CHECK(multiply_one(1, {{2, 3}, {5, 7}, {-1, 4}}) == 38);
  // First elements of the pairs and second ones are summed apart, and C comes last: here either order cancels what the other keeps.
  CHECK(multiply_one(0, {{0x1p30f, 1}, {1, 1}, {-0x1p30f, 1}}) == 1);
  CHECK(multiply_one(0, {{0x1p30f, 1}, {-0x1p30f, 1}, {1, 1}}) == 0);
  CHECK(multiply_one(0x1p30f, {{-0x1p30f, 1}, {1, 1}}) == 0);
  // Denormals are 0, with their sign, coming and going.
  CHECK(multiply_one(1, {{0x1p-130f, 0x1p120f}}) == 1);
  CHECK(multiply_one(0x1p-127f, {}) == 0);
  CHECK(bits_of(multiply_one(-0x1p-127f, {{-0x1p-127f, 1}})) == 0);  // the sums begin at +0
  CHECK(bits_of(multiply_one(0, {{-0x1p-100f, 0x1p-27f}, {-0x1p-100f, 0x1p-27f}})) == bits_of(-0.0f + 0.0f));
  CHECK(multiply_one(0, {{0x1p-63f, 0x1p-63f}}) == 0x1p-126f);
  CHECK(multiply_one(0, {{0x1p-63f, 0x1p-64f}, {0, 0}, {0x1p-63f, 0x1p-64f}}) == 0);  // together they would be normal
  // A product beyond f32 meets a sum that brings it back: fused, it never overflows.
  CHECK(multiply_one(0, {{-0x1p127f, 1.5f}, {0, 0}, {0x1p64f, 0x1p64f}}) == 0x1p126f);
  CHECK(multiply_one(0, {{0x1p64f, 0x1p64f}}) == std::numeric_limits<float>::infinity());
  // A product far below f32 decides a tie: 1 + 2^-24 and a little more.
  CHECK(multiply_one(0, {{1, 1}, {0, 0}, {0x1p-24f, 1}, {0, 0}, {0x1p-100f, 0x1p-100f}}) == 1);
  CHECK(multiply_one(0, {{0x1p-125f, 1}, {0, 0}, {-0x1p-75f, 0x1p-75f}}) == 0x1p-125f);
  CHECK(std::isnan(multiply_one(0, {{std::numeric_limits<float>::infinity(), 0x1p-127f}})));
}

TEST_CASE("emulated tiles: a use outside start and stop is noticed") {
  EmulatedTiles::forgive();
  EmulatedTiles::start(), EmulatedTiles::zero<0>(), EmulatedTiles::stop();
  CHECK_FALSE(EmulatedTiles::misused());
  EmulatedTiles::zero<0>();
  CHECK(EmulatedTiles::misused());
  EmulatedTiles::forgive();
  EmulatedTiles::stop();
  CHECK(EmulatedTiles::misused());
  EmulatedTiles::forgive();
  EmulatedTiles::start(), EmulatedTiles::start(), EmulatedTiles::stop();
  CHECK(EmulatedTiles::misused());
  EmulatedTiles::forgive();
}

#if defined(__x86_64__)
TEST_CASE("emulated tiles do what the machine's do") {
  if (!cpu::has_matrix_unit()) {
    WARN("skipped: the machine has no matrix unit");
    return;
  }
  constexpr std::uint32_t kSpecials[] = {0, 1, 0x7F, 0x80, 0x7F80, 0x7FC0, 0x7F81, 0x7F7F};  // zero, denormals, the least normal, infinity, NaNs, the largest
  std::mt19937 random(11);
  int normal = 0, infinite = 0, nan = 0, zero = 0;
  for (int round = 0; round < 1500; ++round) {
    INFO("round " << round);
    // Exponents of A and B, from `low` on: their products about 1, at either end of f32, anywhere; now and then what is special.
    struct Range {
      std::uint32_t low, count;
    };
    constexpr Range kRanges[] = {{120, 12}, {62, 5}, {56, 12}, {186, 8}, {0, 255}, {40, 60}, {20, 40}};
    const Range& range = kRanges[static_cast<std::size_t>(round) % std::size(kRanges)];
    const std::uint32_t special = round % 5 == 0 ? 40 : round % 5 == 1 ? 900 : 0;
    const auto element = [&]() -> std::uint16_t {
      const std::uint32_t bits = random() & 0x8000u;
      if (special && random() % special == 0) return static_cast<std::uint16_t>(bits | kSpecials[random() % std::size(kSpecials)]);
      return static_cast<std::uint16_t>(bits | (range.low + random() % range.count) << 7 | random() % 128);
    };
    Operands real;
    for (auto& row : real.a)
      for (std::uint16_t& value : row) value = element();
    for (auto& row : real.b)
      for (std::uint16_t& value : row) value = element();
    for (auto& row : real.c)
      for (std::uint32_t& value : row)
        value = round % 3 == 0 ? 0 : round % 3 == 1 ? random() & 0x80FFFFFFu : static_cast<std::uint32_t>(element()) << 16 | (random() & 0xFFFFu);
    Operands emulated = real;
    const int times = 1 + round % 3;
    multiply<cpu::AmxTiles>(real, times);
    multiply<EmulatedTiles>(emulated, times);
    int wrong = 0;
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 16; ++n) {
        const auto x = std::bit_cast<float>(real.c[m][n]), y = std::bit_cast<float>(emulated.c[m][n]);
        const bool same = std::isnan(x) ? std::isnan(y) : real.c[m][n] == emulated.c[m][n];
        if (!same && wrong++ == 0) UNSCOPED_INFO("row " << m << ", column " << n << ": " << x << " on the machine, " << y << " emulated");
        ++(std::isnan(x) ? nan : std::isinf(x) ? infinite : x == 0 ? zero : normal);
      }
    REQUIRE(wrong == 0);
  }
  INFO(normal << " normal, " << infinite << " infinite, " << nan << " NaN, " << zero << " zero");
  CHECK((normal > 10000 && infinite > 1000 && nan > 1000 && zero > 1000));  // each was met
}
#endif

TEST_CASE("matrix unit: every pair of variant and edge agrees with the reference") {
  const std::vector<std::int64_t> head_dims = {1, 17, 40, 64, 80, 128}, value_dims = {1, 24, 40, 64, 136}, keys = {1, 31, 96, 259, 300};
  // Whole calls of the unit and ends of each size; heads that share K and V; rows of several heads that only together are enough.
  const std::vector<Rows> rows = {{1, 1, 1, 32}, {2, 1, 1, 70}, {1, 4, 2, 33}, {1, 3, 1, 16}, {1, 6, 1, 9}, {2, 2, 1, 40}};
  const std::vector<Layout> layouts = {Layout::Dense, Layout::Padded, Layout::Transposed};
  const std::vector<std::int64_t> splits = {0, 2, 5}, offsets = {0, 150};
  std::uint64_t seed = 100;
  for (const auto& row : covering_array({variants().size(), head_dims.size(), value_dims.size(), keys.size(), rows.size(), std::size(kTypes), layouts.size(), splits.size(), offsets.size(), 2})) {
    const Variant& variant = variants()[row[0]];
    const Rows& some = rows[row[4]];
    const Shape shape{some.batch, some.heads, some.kv_heads, some.q_len, keys[row[3]], head_dims[row[1]], value_dims[row[2]], 0, 0, offsets[row[8]], 0};
    INFO(variant.name << ", batch " << shape.batch << ", heads " << shape.heads << "/" << shape.kv_heads << ", lengths " << shape.q_len << ", " << shape.kv_len << ", widths "
                      << shape.head_dim << ", " << shape.value_dim << ", offset " << shape.q_offset << ", " << name_of(kTypes[row[5]]) << ", layout " << row[6] << ", split "
                      << splits[row[7]] << ", seed " << seed + 1);
    check(Problem(shape, variant, {kTypes[row[5]], layouts[row[6]], ++seed, row[9] == 1, 0, splits[row[7]]}));
  }
}

TEST_CASE("matrix unit: several tiles, tasks and splits") {
  for (const DType type : kTypes)
    for (const char* name : {"causal", "sliding_window", "alibi", "document", "softcap"})
      for (const std::int64_t split : {0, 3}) {
        INFO(name << ", " << name_of(type) << ", split " << split);
        // Rows on both sides of column 256, where a tile ends: of those that go together some need the next tile, or not the first.
        check(Problem({1, 2, 1, 75, 700, 32, 16, 0, 0, 230, 0}, variant(name), {type, Layout::Dense, 3, true, 0, split}));
      }
}

TEST_CASE("matrix unit: which calls take it, and how often") {
  if (!emulated_kernels(kEmulatedTarget)) return;
  const auto multiplications = [](DType type, std::int64_t rows, std::int64_t head_dim = 64, std::int64_t value_dim = 64) {
    const Problem problem({1, 1, 1, rows, 64, head_dim, value_dim}, variant("noop"), {type, Layout::Padded});
    const std::int64_t before = EmulatedTiles::multiplications();
    CHECK(problem.compare(problem.run({kEmulated, 1, nullptr}), problem.reference()) == "");
    return EmulatedTiles::multiplications() - before;
  };
  // 4 x 4 tiles of S, 2 deep; 4 x 4 of O, 2 deep, by the two parts of the weights. For f16 two parts by two, and two by two; for f32 six of three by three.
  CHECK(multiplications(DType::BF16, 64) == 4 * 4 * 2 + 4 * 4 * 2 * 2);
  CHECK(multiplications(DType::F16, 64) == 4 * 4 * 2 * 4 + 4 * 4 * 2 * 4);
  // Nothing is computed again: of the NaNs that lie between rows none is read.
  CHECK(multiplications(DType::BF16, 64, 40, 24) == 4 * 4 * 2 + 4 * 2 * 2 * 2);
  CHECK(multiplications(DType::F16, 64, 40, 24) == 4 * 4 * 2 * 4 + 4 * 2 * 2 * 4);
  CHECK(multiplications(DType::F32, 64) == 4 * 4 * 2 * 6 + 4 * 4 * 2 * 6);
  CHECK(multiplications(DType::F32, 64, 40, 24) == 4 * 4 * 2 * 6 + 4 * 2 * 2 * 6);
  for (const DType type : kTypes) CHECK(multiplications(type, 16) == 0);
  CHECK(multiplications(DType::F32, 64, 4097, 16) == 0);
  if (!cpu::has_matrix_unit()) return;
  // The real unit cannot count; but it adds in another order than vectors do.
  for (const DType type : {DType::F16, DType::F32}) {
    const Problem problem({1, 1, 1, 64, 64, 64, 64}, variant("noop"), {type});
    CHECK_FALSE(same_bits(problem.run({kReal, 1, nullptr}), problem.run({"AVX3", 1, nullptr})));
  }
}

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

TEST_CASE("matrix unit: a faulty one is found") {
  if (!emulated_kernels(kFaultyTarget)) return;
  for (const DType type : kTypes)
    for (const char* name : {"noop", "causal", "alibi", "softcap"}) {
      INFO(name << ", " << name_of(type));
      const Problem problem({1, 1, 1, 64, 64, 64, 64}, variant(name), {type});
      CHECK(problem.compare(problem.run({kFaulty, 1, nullptr}), problem.reference()) != "");
      CHECK_FALSE(same_bits(problem.run({kFaulty, 1, nullptr}), problem.run({kEmulated, 1, nullptr})));
    }
}

TEST_CASE("matrix unit: what stands at removed pairs changes no bit") {
  for (const DType type : kTypes)
    for (const char* name : {"causal", "alibi_causal", "document_causal", "sliding_window", "dilated", "even"})
      for (const double poison : {std::nan(""), kInfinity, -kInfinity}) {
        INFO(name << ", " << name_of(type) << " " << poison);
        const Shape shape{1, 2, 1, 70, 140, 40, 24};
        const Setting setting{type, Layout::Dense, 5, true};
        const Problem clean(shape, variant(name), setting);
        Problem poisoned(shape, variant(name), setting);
        // Causal: columns from 70 on are removed for all rows. The others are pairs that no row keeps.
        const bool by_pair = std::string_view(name) == "even";
        for (std::int64_t column = by_pair ? 1 : 71; column < 140; column += by_pair ? 6 : 3) {
          if (std::string_view(name) == "dilated") break;
          poisoned.k.set(0, 0, column, column % 40, poison);
          poisoned.v.set(0, 0, column, column % 24, poison);
        }
        if (std::string_view(name) == "dilated") {  // removed in two rows of three: these change no bit
          poisoned.v.set(0, 0, 30, 3, poison);
          const Result with = run_all(poisoned), without = run_all(clean);
          CHECK(poisoned.compare(with, poisoned.reference()) == "");
          for (std::int64_t row = 0; row < 140; ++row)
            for (std::int64_t i = 0; i < 24; ++i)
              if (row % 70 % 3 != 0) REQUIRE(with.out[static_cast<std::size_t>(row * 24 + i)] == without.out[static_cast<std::size_t>(row * 24 + i)]);
          continue;
        }
        const Result result = run_all(poisoned);
        CHECK(same_bits(result, run_all(clean)));
        if (!result.out.empty()) CHECK(poisoned.compare(result, poisoned.reference()) == "");
      }
}

TEST_CASE("matrix unit: NaN and infinities reach the rows that keep them, and no others") {
  for (const DType type : kTypes)
    for (const char* name : {"noop", "causal", "sliding_window", "alibi", "softcap", "bias", "dilated", "document", "first_half_false"})
      for (const double poison : {std::nan(""), kInfinity, -kInfinity})
        for (const int where : {0, 1, 2}) {
          INFO(name << ", " << name_of(type) << " " << poison << " in tensor " << where);
          Problem problem({1, 1, 1, 70, 70, 17, 20}, variant(name), {type});
          if (where == 0) problem.q.set(0, 0, 33, 5, poison);
          if (where == 1) problem.k.set(0, 0, 41, 5, poison);
          if (where == 2) problem.v.set(0, 0, 41, 5, poison);
          check(problem);
        }
}

TEST_CASE("matrix unit: several infinities in a row, and in several splits") {
  for (const DType type : kTypes)
    for (const std::int64_t split : {0, 2}) {
      INFO(name_of(type) << ", split " << split);
      Problem problem({1, 2, 1, 40, 300, 64, 48}, variant("noop"), {type, Layout::Dense, 1, false, 0, split});  // two tiles
      problem.v.set(0, 0, 3, 1, kInfinity), problem.v.set(0, 0, 250, 1, -kInfinity);  // NaN
      problem.v.set(0, 0, 9, 2, kInfinity), problem.v.set(0, 0, 260, 2, kInfinity);   // stays +inf
      problem.q.set(0, 1, 7, 0, kInfinity), problem.q.set(0, 1, 7, 1, -kInfinity);
      problem.k.set(0, 0, 123, 60, -kInfinity);
      check(problem);
    }
}

TEST_CASE("matrix unit: wide heads, no keys, a K and V for all batches") {
  for (const DType type : kTypes) {
    INFO(name_of(type));
    check(Problem({1, 1, 1, 33, 150, 300, 290}, variant("causal"), {type}));
    check(Problem({1, 2, 1, 40, 0, 16, 16}, variant("noop"), {type, Layout::Dense, 1, true}));
    check(Problem({2, 4, 2, 20, 90, 24, 40, 1, 1}, variant("alibi"), {type}));
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
