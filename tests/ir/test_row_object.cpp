// The compiled mods against the oracle, pair by pair: every gallery entry, positions with bases and steps, captures as the gallery
// makes them. Masks are equal; scores lie within the documented bound.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <map>

#include "compiler/stages.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/gallery.h"
#include "flexc/random.h"
#include "runtime/loader/row_object.h"
#include "tests/ir/bound_variant.h"
#include "tests/ir/keep_row.h"
#include "tests/ir/normal_form_of.h"

using namespace flexc;

namespace {

constexpr float kLog2E = 1.44269504088896340736f;
constexpr std::int64_t kColumns = 70;
constexpr std::size_t kPadded = 128;

/// A variant with everything that a call needs, for the oracle and for the compiled code.
struct Bench : BoundVariant {
  std::vector<flexc_row_capture> captures;
  std::vector<flexc_row_param> params;
  flexc_row_launch launch{};

  void finish() {
    bind_sizes();
    for (const TensorView& view : environment.captures) captures.push_back({view.data, view.shape.data(), view.strides.data()});
    for (const dsl::ParamValue& value : environment.params) params.push_back({value.integer, value.real, 0, {}});
    const dsl::Problem& p = environment.problem;
    launch = {{p.batch, p.heads, p.kv_heads, p.q_total, p.kv_total}, captures.data(), params.data(), fresh.data(), nullptr, 0.125f * kLog2E, 0.125f};
  }
};

runtime::RowObject compiled(const dsl::NormalForm& form, std::optional<compiler::CpuLevel> level = std::nullopt, compiler::Member member = compiler::Member::Wide) {
  const auto code = compiler::compile_row_member(form, member, level);
  INFO((code ? std::string() : code.error().message));
  REQUIRE(code.has_value());
  auto loaded = runtime::RowObject::load(code->object);
  INFO((loaded ? std::string() : loaded.error().message));
  REQUIRE(loaded.has_value());
  return std::move(*loaded);
}

struct Difference {
  std::size_t masks = 0, scores = 0, checked = 0;
  std::string first;
};

/// The result as the kernel gets it, in the log2 domain.
bool close(double compiled, double expected, double magnitude) {
  if (std::isnan(expected)) return std::isnan(compiled);
  if (std::isinf(expected)) return compiled == expected;
  // f32 against f64: a few roundings of values as large as the largest that enters, and the table's documented ulps.
  return std::fabs(compiled - expected) <= 2e-6 * (std::fabs(expected) + magnitude) + 1e-30;
}

void compare_segment(Bench& bench, const flexc_row_module& module, const flexc_row_segment& segment, const std::vector<float>& scores, Difference& difference) {
  alignas(FLEXC_ROW_ALIGNMENT) float s[kPadded] = {};
  alignas(FLEXC_ROW_ALIGNMENT) std::uint64_t keep[kPadded / 64];
  std::fill(std::begin(keep), std::end(keep), ~std::uint64_t{0});
  // The table is exactly as long as its columns, between values that nobody may write.
  constexpr std::uint64_t kGuard = 0xDEADBEEFDEADBEEF;
  const auto stride = static_cast<std::size_t>(segment.count) + 3;
  std::vector<std::uint64_t> table(stride * module.kv_side_slots + 2, kGuard);
  if (module.kv_side) module.kv_side(&bench.launch, nullptr, segment.b, segment.h, segment.kv_base, segment.kv_step, segment.count, table.data() + 1, stride);
  bool guarded = table.front() == kGuard && table.back() == kGuard;
  for (std::size_t slot = 0; slot < module.kv_side_slots; ++slot) guarded &= table[1 + slot * stride + static_cast<std::size_t>(segment.count)] == kGuard;
  if (!guarded) {
    ++difference.masks;
    difference.first = "kv_side writes beyond its columns";
  }
  const flexc_row_levels levels{nullptr, nullptr, module.kv_side_slots ? table.data() + 1 : nullptr, stride};
  flexc_row_affine affine{bench.launch.scale_log2e, 0, 0};
  for (std::int64_t i = 0; i < segment.count; ++i) s[i] = scores[static_cast<std::size_t>(i)];
  if (module.score_row) module.score_row(&bench.launch, &levels, &segment, s);
  if (module.affine_row) module.affine_row(&bench.launch, &levels, &segment, &affine);
  keep_row(module, bench.launch, levels, segment, keep);
  std::optional<dsl::Evaluator> score, mask;
  if (bench.form.score) score.emplace(*bench.form.score, bench.form, bench.environment, bench.fresh);
  if (bench.form.mask) mask.emplace(*bench.form.mask, bench.form, bench.environment, bench.fresh);
  for (std::int64_t i = 0; i < segment.count; ++i) {
    const std::int64_t kv = segment.kv_base + segment.kv_step * i;
    const float in = scores[static_cast<std::size_t>(i)];
    ++difference.checked;
    if (score && module.score_class != FLEXC_SCORE_IDENTITY) {
      const double expected = score->score(in, segment.b, segment.h, segment.q, kv) * 1.44269504088896340736;
      double got = s[i];
      if (module.affine_row) got = static_cast<double>(in / bench.launch.scale) * affine.factor + affine.row + static_cast<double>(affine.slope) * static_cast<double>(i);
      const double magnitude = module.affine_row ? std::fabs(affine.row) + std::fabs(in) : std::fabs(in);
      if (!close(got, expected, magnitude)) {
        ++difference.scores;
        if (difference.first.empty())
          difference.first = "score at q " + std::to_string(segment.q) + " kv " + std::to_string(kv) + ": " + std::to_string(got) + " instead of " + std::to_string(expected);
      }
    }
    if (mask && mask->mask(segment.b, segment.h, segment.q, kv) != static_cast<bool>(keep[i / 64] >> (i % 64) & 1)) {
      ++difference.masks;
      if (difference.first.empty()) difference.first = "mask at b " + std::to_string(segment.b) + " q " + std::to_string(segment.q) + " kv " + std::to_string(kv);
    }
  }
  if (segment.count % 64 != 0 && keep[segment.count / 64] >> (segment.count % 64) != 0) {
    ++difference.masks;
    difference.first = "bits beyond the segment's end";
  }
}

Difference compare(Bench& bench, const flexc_row_module& module, std::uint64_t seed) {
  Difference difference;
  const CounterRandom random(seed, "segments");
  const dsl::Problem& p = bench.environment.problem;
  std::uint64_t at = 0;
  const auto below = [&](std::int64_t bound) { return static_cast<std::int64_t>(random.below(at++, static_cast<std::uint64_t>(bound))); };
  constexpr std::int64_t kSteps[] = {1, 1, 2, 3, -1};
  for (int round = 0; round < 24; ++round) {
    const std::int64_t step = kSteps[round % 5];
    const flexc_row_segment segment{below(p.batch), below(p.heads), below(p.q_total), step < 0 ? p.kv_total - 1 : below(p.kv_total), step, 1 + below(kColumns)};
    std::vector<float> scores;
    for (std::int64_t i = 0; i < segment.count; ++i) scores.push_back(static_cast<float>(3 * random.normal(at++)));
    compare_segment(bench, module, segment, scores, difference);
  }
  return difference;
}

}  // namespace

TEST_CASE("every gallery entry, compiled, does what the oracle does") {
  for (const GalleryEntry& entry : gallery()) {
    INFO(entry.name);
    std::string error;
    Bench bench;
    auto form = normal_form_of(std::string(entry.name), error);
    REQUIRE(form.has_value());
    bench.form = *form;
    bench.environment.problem = {2, 4, 2, 300, 320};
    bench.bind_gallery(entry.name);
    bench.finish();
    const auto host = runtime::detect_cpu_level();
    REQUIRE(host.has_value());
    for (const auto level : {compiler::CpuLevel::X86_64_v3, *host}) {
      for (const auto member : {compiler::Member::Wide, compiler::Member::Narrow}) {
        const runtime::RowObject object = compiled(bench.form, level, member);
        const Difference difference = compare(bench, object.module(), 11);
        INFO((member == compiler::Member::Wide ? "wide: " : "narrow: ") << difference.first);
        CHECK(difference.checked > 0);
        CHECK(difference.masks == 0);
        CHECK(difference.scores == 0);
      }
    }
  }
}

TEST_CASE("a narrow member is wrong beyond what it assumes, so that launches must check") {
  std::string error;
  Bench bench;
  bench.form = *normal_form_of_text("sums.flex", "def mask_mod(b, h, q, k):\n    return (q + k) % 7 < 4\n", error);
  bench.environment.problem = {1, 1, 1, 100, 100};
  bench.finish();
  const std::vector<float> scores(40);
  for (const std::int64_t q : {std::int64_t{5}, compiler::kNarrowLimit - 1, 2 * compiler::kNarrowLimit - 20}) {
    const bool within = q < compiler::kNarrowLimit;
    const flexc_row_segment segment{0, 0, q, within ? compiler::kNarrowLimit - 40 : 0, 1, 40};
    for (const auto member : {compiler::Member::Wide, compiler::Member::Narrow}) {
      const runtime::RowObject object = compiled(bench.form, std::nullopt, member);
      Difference difference;
      compare_segment(bench, object.module(), segment, scores, difference);
      CHECK((difference.masks == 0) == (within || member == compiler::Member::Wide));
    }
  }
}

TEST_CASE("the comparison notices another variant's code") {
  std::string error;
  Bench bench;
  bench.form = *normal_form_of("causal", error);
  bench.environment.problem = {2, 4, 2, 300, 320};
  bench.finish();
  const auto other = normal_form_of_text("other.flex", "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx > kv_idx\n", error);
  const runtime::RowObject object = compiled(*other);
  CHECK(compare(bench, object.module(), 11).masks > 0);
}

TEST_CASE("the loader refuses what it does not know") {
  std::string error;
  const auto object = compiler::compile_row_object(*normal_form_of("causal_softcap", error));
  REQUIRE(object.has_value());
  CHECK(runtime::RowObject::load(*object).has_value());
  CHECK_FALSE(runtime::RowObject::load({}).has_value());
  for (std::size_t size = 0; size < object->size(); size += 7) CHECK_FALSE(runtime::RowObject::load(std::span(*object).first(size)).has_value());
  auto shared = *object;
  shared[16] = std::byte{3};  // ET_DYN
  CHECK(runtime::RowObject::load(shared).error().message == "CPU object: ELF type 3 instead of a relocatable object");
  // Any byte changed: loaded or refused, never a crash. (What is loaded here is not called.)
  for (std::size_t i = 0; i < object->size(); ++i) {
    auto broken = *object;
    broken[i] ^= std::byte{0xFF};
    (void)runtime::RowObject::load(broken);
  }
}
