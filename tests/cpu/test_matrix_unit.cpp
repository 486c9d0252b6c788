// Calls that go through the matrix unit: every variant and edge, which calls take it, and what stands at removed pairs. What its numbers can hold is test_matrix_range.cpp's.
#include "tests/cpu/covering.h"
#include "tests/cpu/matrix_targets.h"

namespace flexc::cpu_test {
namespace {

struct Rows {
  std::int64_t batch, heads, kv_heads, q_len;
};

/// Which of a tile's 16 chunks of 32 columns 16 rows keep, tile by tile and 16 rows by 16: many and few, the first ones and the last, other ones for the two halves of 32 rows, and none.
bool keeps_chunk(std::int64_t q, std::int64_t kv) {
  constexpr std::uint32_t kChunks[] = {0xFFFF, 0xFFFF, 0x8000, 0x8000, 0x000F, 0x000F, 0x0F00, 0xFFFF, 0x8001, 0x7FFE, 0, 0xF000, 0x5555, 0xAAAA, 0x0001};
  return (kChunks[static_cast<std::size_t>(q / 16 + 4 * (kv / 512)) % std::size(kChunks)] >> (kv % 512 / 32) & 1) != 0;
}

const Variant kChunksVariant{"chunks",
                             [] {
                               flexc_row_module module{};
                               module.abi_version = FLEXC_ROW_ABI_VERSION;
                               module.mask_row = [](const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, std::uint64_t* keep) {
                                 std::fill_n(keep, (segment->count + 63) / 64, 0);
                                 for (std::int64_t i = 0; i < segment->count; ++i)
                                   if (keeps_chunk(segment->q, segment->kv_base + i)) keep[i / 64] |= std::uint64_t{1} << (i % 64);
                               };
                               return module;
                             }(),
                             nullptr,
                             [](const Bindings&, const Shape&) -> MaskFunction {
                               return [](std::int64_t, std::int64_t, std::int64_t q, std::int64_t kv) { return keeps_chunk(q, kv); };
                             }};

}  // namespace

TEST_CASE("matrix unit: every pair of variant and edge agrees with the reference") {
  const std::vector<std::int64_t> head_dims = {1, 17, 40, 64, 80, 128}, value_dims = {1, 24, 40, 64, 136}, keys = {1, 31, 96, 259, 300, 530};
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
        // Rows on both sides of column 512, where a tile ends: of those that go together some need the next tile, or not the first.
        check(Problem({1, 2, 1, 75, 1100, 32, 16, 0, 0, 486, 0}, variant(name), {type, Layout::Dense, 3, true, 0, split}));
      }
}

// The next rows' scores are computed while these rows' become weights, in the same place: whichever columns the two need.
TEST_CASE("matrix unit: rows that follow each other need other columns") {
  for (const DType type : kTypes)
    for (const std::int64_t rows : {32, 64, 240, 480}) {
      INFO(name_of(type) << ", " << rows << " rows");
      check(Problem({1, 1, 1, rows, 1536, 32, 48, 0, 0, 0, 0}, kChunksVariant, {type}));
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
  // Q K next to a diagonal, of 64 rows and 64 columns: of 4 x 4 tiles those with a kept pair, 10, or both of 16 rows and 32 columns where one has; P V by chunks of 32 columns, for 16 rows in 16-bit types, and in f32 for those
  // 16 of 32 that need one.
  const auto diagonal = [](DType type, std::int64_t offset) {
    const Problem problem({1, 1, 1, 64, 64, 64, 64, 0, 0, offset, 0}, variant("causal"), {type});
    const std::int64_t before = EmulatedTiles::multiplications();
    CHECK(problem.compare(problem.run({kEmulated, 1, nullptr}), problem.reference()) == "");
    return EmulatedTiles::multiplications() - before;
  };
  CHECK(diagonal(DType::BF16, 0) == 10 * 2 + 6 * 4 * 2);
  CHECK(diagonal(DType::F32, 0) == 10 * 2 * 6 + 6 * 4 * 6);
  CHECK(diagonal(DType::F32, 16) == 14 * 2 * 6 + 7 * 4 * 6);
  if (!cpu::has_matrix_unit()) return;
  // The real unit cannot count; but it adds in another order than vectors do.
  for (const DType type : {DType::F16, DType::F32}) {
    const Problem problem({1, 1, 1, 64, 64, 64, 64}, variant("noop"), {type});
    CHECK_FALSE(same_bits(problem.run({kReal, 1, nullptr}), problem.run({"AVX3", 1, nullptr})));
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
      Problem problem({1, 2, 1, 40, 530, 64, 48}, variant("noop"), {type, Layout::Dense, 1, false, 0, split});  // two tiles
      problem.v.set(0, 0, 3, 1, kInfinity), problem.v.set(0, 0, 250, 1, -kInfinity);  // NaN
      problem.v.set(0, 0, 9, 2, kInfinity), problem.v.set(0, 0, 520, 2, kInfinity);   // stays +inf
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

}  // namespace flexc::cpu_test
