#include "tests/random_mods/judge.h"

#include "compiler/stages.h"
#include "tests/ir/normal_form_of.h"

namespace random_mods {

using namespace flexc;

namespace {

constexpr int kDataSets = 2;

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

std::optional<Compiled> compile(const std::string& text, bool with_plain, Refusal& refusal) {
  auto form = normal_form_of_text("random.flex", text, refusal.message);
  refusal.by_front_end = !form;
  if (!form) return std::nullopt;
  auto optimised = load(compiler::compile_row_object(*form), refusal);
  if (!optimised) return std::nullopt;
  std::optional<runtime::RowObject> plain;
  if (with_plain) {
    plain = load(compiler::compile_plain_row_object(*form), refusal);
    if (!plain) return std::nullopt;
  }
  return Compiled{std::move(*form), std::move(*optimised), std::move(plain)};
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
