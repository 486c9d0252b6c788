#include "tests/random_mods/judge.h"

#include <algorithm>

#include "compiler/stages.h"
#include "tests/ir/normal_form_of.h"

namespace random_mods {

using namespace flexc;

namespace {

std::optional<runtime::RowObject> load(const Result<std::vector<std::byte>>& object, Refusal& refusal) {
  if (!object) {
    refusal.message = object.error().message;
    return std::nullopt;
  }
  auto loaded = runtime::RowObject::load(*object);
  if (!loaded) {
    refusal.message = loaded.error().message;
    return std::nullopt;
  }
  return std::move(*loaded);
}

}  // namespace

bool allows_narrow(const compiler::Manifest& manifest, const Data& data) {
  const bool small = (manifest.assumptions & compiler::kAssumesParams) != 0, reciprocals = (manifest.assumptions & compiler::kAssumesReciprocals) != 0;
  return std::ranges::all_of(data.environment().params, [&](const dsl::ParamValue& param) {
    const bool is_small = param.integer > -compiler::kNarrowLimit && param.integer < compiler::kNarrowLimit;
    return (is_small || !small) && (runtime::has_normal_reciprocal(param.real) || !reciprocals);
  });
}

std::vector<flexc_row_segment> narrow_segments(std::vector<flexc_row_segment> segments) {
  std::erase_if(segments, [](const flexc_row_segment& segment) {
    const std::int64_t last = segment.kv_base + segment.kv_step * (segment.count - 1);
    const auto is_small = [](std::int64_t position) { return position >= 0 && position < compiler::kNarrowLimit; };
    return !is_small(segment.q) || !is_small(segment.kv_base) || !is_small(last);
  });
  return segments;
}

std::optional<Compiled> compile(const std::string& text, Beside beside, Refusal& refusal) {
  auto form = normal_form_of_text("random.flex", text, refusal.message);
  refusal.by_front_end = !form;
  if (!form) return std::nullopt;
  auto optimised = load(compiler::compile_row_object(*form), refusal);
  if (!optimised) return std::nullopt;
  std::optional<runtime::RowObject> plain;
  if (beside == Beside::Plain) {
    plain = load(compiler::compile_plain_row_object(*form), refusal);
    if (!plain) return std::nullopt;
  }
  Compiled compiled{std::move(*form), std::move(*optimised), std::move(plain), {}, {}};
  if (beside != Beside::Narrow) return compiled;
  auto narrow = compiler::compile_row_member(compiled.form, compiler::Member::Narrow);
  if (!narrow) {
    refusal.message = narrow.error().message;
    return std::nullopt;
  }
  compiled.manifest = narrow->manifest;
  compiled.narrow = load(std::move(narrow->object), refusal);
  if (!compiled.narrow) return std::nullopt;
  return compiled;
}

Comparison judge(const Compiled& compiled, std::uint64_t seed) {
  Comparison result;
  for (int set = 0; set < kDataSets && result.difference.empty(); ++set) {
    const std::uint64_t number = seed * kDataSets + static_cast<std::uint64_t>(set);
    const Data data(compiled.form, number);
    if (!data.error().empty())
      result.difference = "the launch is refused: " + data.error();
    else
      compare(compiled.form, data, compiled.optimised.module(), compiled.plain ? &compiled.plain->module() : nullptr,
              random_segments(data.environment().problem, number), number + 1, result);
    if (!result.difference.empty() || !compiled.narrow || !allows_narrow(compiled.manifest, data)) continue;
    const std::size_t before = result.pairs;
    compare(compiled.form, data, compiled.narrow->module(), nullptr, narrow_segments(random_segments(data.environment().problem, number)), number + 1, result);
    result.narrow_pairs += result.pairs - before;
    if (!result.difference.empty()) result.difference = "narrow member: " + result.difference;
  }
  return result;
}

Comparison judge_edges(const Compiled& compiled) {
  Comparison result;
  const Data data(compiled.form);
  if (!data.error().empty())
    result.difference = "the launch is refused: " + data.error();
  else
    compare(compiled.form, data, compiled.optimised.module(), compiled.plain ? &compiled.plain->module() : nullptr,
            covering_segments(data.environment().problem), 1, result);
  return result;
}

}  // namespace random_mods
