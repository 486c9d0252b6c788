// Every gallery entry's emitted CUDA, compiled for the host, against the oracle and the compiled CPU mods, pair by pair: masks are equal,
// scores lie within the documented bound.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "compiler/stages.h"
#include "flexc/gallery.h"
#include "flexc/random.h"
#include "runtime/loader/row_object.h"
#include "templates/cpu/row_segment.h"
#include "tests/hooks/host_mods.h"
#include "tests/ir/bound_variant.h"
#include "tests/ir/keep_row.h"
#include "tests/ir/normal_form_of.h"

using namespace flexc;
using flexc_test::Segment;

namespace {

constexpr double kLog2E = 1.44269504088896340736;
constexpr double kScale = 0.125;
constexpr int kColumns = 70;
constexpr std::size_t kPadded = 128;

struct Difference {
  std::size_t masks = 0, scores = 0, checked = 0;
  std::string first;
  void note(std::size_t& count, const std::string& what) {
    if (count++ == 0 && first.empty()) first = what;
  }
};

/// f32 against f64: a few roundings of values as large as the largest that enters, and documented ulps.
bool close(double got, double expected, double magnitude) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::isinf(expected)) return got == expected;
  return std::fabs(got - expected) <= 2e-6 * (std::fabs(expected) + magnitude) + 1e-30;
}

/// What the emitted mods give for a segment.
struct Emitted {
  std::vector<float> logits;
  std::vector<unsigned char> keep;
  float affine[3] = {0, 0, 0};
  bool same_without_table = true, same_by_factor = true;

  Emitted(const EmittedMod& mod, const std::vector<std::uint64_t>& params, const Segment& segment, const std::vector<float>& acc)
      : logits(acc.size()), keep(acc.size(), 1) {
    std::vector<flexc::mods::u32> words(mod.hooks.column_words * acc.size());
    if (mod.code->columns) mod.code->columns(params.data(), segment, words.data());
    if (mod.code->affine) mod.code->affine(params.data(), segment, affine);
    if (mod.code->logit2) mod.code->logit2(params.data(), segment, words.data(), acc.data(), logits.data());
    std::vector<float> in_place(acc.size());
    if (mod.code->logit2) mod.code->logit2_in_place(params.data(), segment, words.data(), acc.data(), in_place.data());
    same_without_table = std::memcmp(in_place.data(), logits.data(), logits.size() * sizeof(float)) == 0;
    std::vector<float> factored = logits;
    if (mod.code->logit2_factored) mod.code->logit2_factored(params.data(), segment, words.data(), acc.data(), factored.data());
    same_by_factor = std::memcmp(factored.data(), logits.data(), logits.size() * sizeof(float)) == 0;
    if (mod.code->keep) mod.code->keep(params.data(), segment, words.data(), keep.data());
  }
};

/// The CPU's answer for the same segment.
struct OnCpu {
  alignas(FLEXC_ROW_ALIGNMENT) float logits[kPadded] = {};
  alignas(FLEXC_ROW_ALIGNMENT) std::uint64_t keep[kPadded / 64] = {~0ull, ~0ull};

  OnCpu(const flexc_row_module& module, const BoundVariant& variant, const Segment& segment, const std::vector<float>& scores) {
    std::vector<flexc_row_capture> captures;
    std::vector<flexc_row_param> params;
    for (const TensorView& view : variant.environment.captures) captures.push_back({view.data, view.shape.data(), view.strides.data()});
    for (const dsl::ParamValue& value : variant.environment.params) params.push_back({value.integer, value.real, 0, {}});
    const dsl::Problem& p = variant.environment.problem;
    const flexc_row_launch launch{{p.batch, p.heads, p.kv_heads, p.q_total, p.kv_total}, captures.data(), params.data(), variant.fresh.data(), nullptr,
                                  static_cast<float>(kScale * kLog2E), static_cast<float>(kScale)};
    const flexc_row_segment place{segment.b, segment.h, segment.q, segment.kv_base, segment.kv_step, segment.count};
    const auto stride = static_cast<std::size_t>(segment.count);
    std::vector<std::uint64_t> table(stride * module.kv_side_slots);
    if (module.kv_side) module.kv_side(&launch, nullptr, segment.b, segment.h, segment.kv_base, segment.kv_step, segment.count, table.data(), stride);
    const flexc_row_levels levels{nullptr, nullptr, table.data(), stride};
    std::copy(scores.begin(), scores.end(), logits);
    if (module.score_row) module.score_row(&launch, &levels, &place, logits);
    keep_row(module, launch, levels, place, keep);
  }
};

void compare_segment(const BoundVariant& variant, const EmittedMod& mod, const std::vector<std::uint64_t>& params, const flexc_row_module& cpu_module,
                     const Segment& segment, const std::vector<float>& scores, Difference& difference) {
  std::vector<float> acc;
  for (float score : scores) acc.push_back(score / static_cast<float>(kScale));  // a power of two: exact
  const Emitted emitted(mod, params, segment, acc);
  if (mod.code->logit2 && !emitted.same_without_table) difference.note(difference.scores, "logit2 without a table of differences is not what it is with one");
  if (!emitted.same_by_factor) difference.note(difference.scores, "logit2 is not the product of element and factor");
  const OnCpu cpu(cpu_module, variant, segment, scores);
  std::optional<dsl::Evaluator> score, mask;
  if (variant.form.score) score.emplace(*variant.form.score, variant.form, variant.environment, variant.fresh);
  if (variant.form.mask) mask.emplace(*variant.form.mask, variant.form, variant.environment, variant.fresh);
  for (int i = 0; i < segment.count; ++i) {
    const std::int64_t kv = segment.kv_base + segment.kv_step * i;
    const auto at = static_cast<std::size_t>(i);
    const std::string where = " at q " + std::to_string(segment.q) + " kv " + std::to_string(kv);
    ++difference.checked;
    if (score && mod.code->logit2) {
      const double expected = score->score(scores[at], segment.b, segment.h, segment.q, kv) * kLog2E, magnitude = std::fabs(scores[at]);
      if (!close(emitted.logits[at], expected, magnitude)) difference.note(difference.scores, "logit2 " + std::to_string(emitted.logits[at]) + " instead of " + std::to_string(expected) + where);
      if (!close(emitted.logits[at], cpu.logits[i], magnitude)) difference.note(difference.scores, "logit2 is not the CPU's" + where);
      if (mod.code->affine) {
        const float* affine = emitted.affine;
        const double got = static_cast<double>(acc[at]) * affine[0] + affine[1] + static_cast<double>(affine[2]) * i;
        if (!close(got, expected, magnitude + std::fabs(affine[1]))) difference.note(difference.scores, "affine " + std::to_string(got) + " instead of " + std::to_string(expected) + where);
      }
    }
    const bool kept = emitted.keep[at] != 0;
    if (mask && mask->mask(segment.b, segment.h, segment.q, kv) != kept) difference.note(difference.masks, "mask" + where);
    if (static_cast<bool>(cpu.keep[i / 64] >> (i % 64) & 1) != kept) difference.note(difference.masks, "mask is not the CPU's" + where);
  }
}

Difference compare(const BoundVariant& variant, const EmittedMod& mod, const flexc_row_module& cpu) {
  Difference difference;
  const auto params = mod.params(variant.form, variant.environment, variant.fresh, kScale);
  REQUIRE(params.size() == mod.hooks.param_words);
  CHECK(mod.launch_difference(params) == "");
  const CounterRandom random(11, "emitted");
  const dsl::Problem& p = variant.environment.problem;
  std::uint64_t at = 0;
  const auto below = [&](std::int64_t bound) { return static_cast<std::int64_t>(random.below(at++, static_cast<std::uint64_t>(bound))); };
  constexpr std::int64_t kSteps[] = {1, 1, 2, 3, -1};
  for (int round = 0; round < 24; ++round) {
    const std::int64_t step = kSteps[round % 5];
    const Segment segment{static_cast<int>(below(p.batch)), static_cast<int>(below(p.heads)), below(p.q_total), step < 0 ? p.kv_total - 1 : below(p.kv_total), step,
                          static_cast<int>(1 + below(kColumns))};
    std::vector<float> scores;
    for (int i = 0; i < segment.count; ++i) scores.push_back(static_cast<float>(3 * random.normal(at++)));
    compare_segment(variant, mod, params, cpu, segment, scores, difference);
  }
  return difference;
}

BoundVariant bound(std::string_view entry) {
  BoundVariant variant;
  std::string error;
  auto form = normal_form_of(std::string(entry), error);
  INFO(error);
  REQUIRE(form.has_value());
  variant.form = *form;
  variant.environment.problem = {2, 4, 2, 300, 320};
  variant.bind_gallery(entry);
  variant.bind_sizes();
  return variant;
}

HostMods compiled(std::span<const BoundVariant> variants, void (*edit)(std::string&) = nullptr, compiler::Member member = compiler::Member::Wide) {
  std::vector<dsl::NormalForm> forms;
  for (const BoundVariant& variant : variants) forms.push_back(variant.form);
  auto mods = HostMods::compile(forms, edit, member);
  INFO((mods ? std::string() : mods.error().message));
  REQUIRE(mods.has_value());
  return std::move(*mods);
}

runtime::RowObject cpu_object(const dsl::NormalForm& form) {
  const auto object = compiler::compile_row_object(form);
  REQUIRE(object.has_value());
  auto loaded = runtime::RowObject::load(*object);
  REQUIRE(loaded.has_value());
  return std::move(*loaded);
}

}  // namespace

TEST_CASE("every gallery entry's emitted CUDA does what the oracle and the CPU do") {
  std::vector<BoundVariant> variants;
  for (const GalleryEntry& entry : gallery()) variants.push_back(bound(entry.name));
  for (const auto member : {compiler::Member::Wide, compiler::Member::Narrow}) {
    const HostMods host = compiled(variants, nullptr, member);
    for (std::size_t i = 0; i < variants.size(); ++i) {
      INFO(gallery()[i].name << (member == compiler::Member::Wide ? ", wide" : ", narrow"));
      const runtime::RowObject object = cpu_object(variants[i].form);
      const Difference difference = compare(variants[i], host.mods()[i], object.module());
      INFO(difference.first);
      CHECK(difference.checked > 0);
      CHECK(difference.masks == 0);
      CHECK(difference.scores == 0);
    }
  }
}

TEST_CASE("the comparison notices a changed mask and a changed score") {
  const std::vector<BoundVariant> variants{bound("causal_softcap")};
  const runtime::RowObject object = cpu_object(variants[0].form);
  const auto edited = [&](void (*edit)(std::string&)) {
    const HostMods host = compiled(variants, edit);
    return compare(variants[0], host.mods()[0], object.module());
  };
  const Difference mask = edited([](std::string& text) { text.replace(text.find("kHasBand = true"), 15, "kHasBand = false"); });
  CHECK(mask.masks > 0);
  CHECK(mask.scores == 0);
  const Difference score = edited([](std::string& text) { text.replace(text.find("tanh_unit("), 10, "exp2_unit("); });
  CHECK(score.masks == 0);
  CHECK(score.scores > 0);
}

TEST_CASE("biases of the difference are in a table of differences, and a wrong one is noticed") {
  const std::vector<BoundVariant> variants{bound("t5_bias"), bound("relative_bias"), bound("alibi")};
  const HostMods right = compiled(variants);
  CHECK(right.mods()[0].hooks.relative_words == 1);
  CHECK(right.mods()[1].hooks.relative_words == 1);
  CHECK(right.mods()[2].hooks.relative_words == 0);  // affine: its difference costs nothing
  const HostMods wrong = compiled({variants.data(), 2}, [](std::string& text) {
    for (std::size_t at = text.find("truncate(difference)"); at != std::string::npos; at = text.find("truncate(difference)", at + 30)) text.replace(at, 20, "truncate(difference + 1)");
    for (std::size_t at = text.find("wrap_sub(0ll, difference)"); at != std::string::npos; at = text.find("wrap_sub(0ll, difference)", at + 30)) text.replace(at, 25, "wrap_sub(1ll, difference)");
  });
  for (std::size_t i = 0; i < 2; ++i) {
    const runtime::RowObject object = cpu_object(variants[i].form);
    CHECK(compare(variants[i], right.mods()[i], object.module()).scores == 0);
    CHECK(compare(variants[i], wrong.mods()[i], object.module()).scores > 0);
  }
}

TEST_CASE("general scores that end in a product leave its factor to the kernel, and a wrong one is noticed") {
  const std::vector<BoundVariant> variants{bound("softcap"), bound("forgetting"), bound("t5_bias"), bound("alibi"), bound("causal")};
  const HostMods right = compiled(variants);
  const bool factored[] = {true, true, false, false, false};  // the bias has log2(e) in its table; affine and identity scores have factors of their own
  const char* kinds[] = {"LogitFactor::kLaunch", "LogitFactor::kConstant", "", "", ""};
  for (std::size_t i = 0; i < variants.size(); ++i) {
    const EmittedMod& mod = right.mods()[i];
    CHECK((mod.code->logit2_factored != nullptr) == factored[i]);
    CHECK((mod.hooks.text.find("kLogitFactor") != std::string::npos) == factored[i]);
    CHECK(mod.hooks.text.find(kinds[i]) != std::string::npos);
  }
  const HostMods wrong = compiled({variants.data(), 2}, [](std::string& text) {
    for (std::size_t at = text.find("* logit2_factor(params)"); at != std::string::npos; at = text.find("* logit2_factor(params)", at + 30)) text.replace(at, 23, "* (2 * logit2_factor(params))");
  });
  for (std::size_t i = 0; i < 2; ++i) {
    const runtime::RowObject object = cpu_object(variants[i].form);
    const Difference difference = compare(variants[i], wrong.mods()[i], object.module());
    CHECK(difference.first == "logit2 is not the product of element and factor");
    CHECK(difference.scores > 0);
  }
}

TEST_CASE("the same variant gives the same bytes") {
  for (const GalleryEntry& entry : gallery()) {
    std::string error;
    const auto form = normal_form_of(std::string(entry.name), error);
    REQUIRE(form.has_value());
    const auto first = compiler::emit_cuda_hooks(*form, {}), second = compiler::emit_cuda_hooks(*form, {});
    REQUIRE(first.has_value());
    CHECK(first->text == second->text);
    CHECK(first->params == second->params);
  }
}
