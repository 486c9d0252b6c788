#include "compiler/host/hopper_forms.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

namespace flexc {
namespace {

using compiler::HopperForms;

constexpr const char* kVariable = "FLEXC_HOPPER_FORMS";
constexpr std::string_view kGrammar = "pin=store|sleep|none, turns=on|off, maximum=exact|lazy, tile=auto|MxN, separated by commas";

bool parse_tile(std::string_view text, HopperForms& forms) {
  const std::size_t by = text.find('x');
  if (by == std::string_view::npos) return false;
  const auto parse = [](std::string_view digits, unsigned& number) {
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && stop == digits.data() + digits.size() && number > 0;
  };
  return parse(text.substr(0, by), forms.tile_m) && parse(text.substr(by + 1), forms.tile_n);
}

/// One `name=value`. False for one that is none.
bool set(std::string_view name, std::string_view value, HopperForms& forms) {
  const auto choose = [&](auto& field, auto... choices) {
    return ((value == choices.first && (field = choices.second, true)) || ...);
  };
  using std::pair;
  using Pin = HopperForms::Pin;
  if (name == "pin") return choose(forms.pin, pair{"store", Pin::Store}, pair{"sleep", Pin::Sleep}, pair{"none", Pin::None});
  if (name == "turns") return choose(forms.take_turns, pair{"on", true}, pair{"off", false});
  if (name == "maximum") return choose(forms.lazy_maximum, pair{"exact", false}, pair{"lazy", true});
  if (name != "tile") return false;
  if (value == "auto") return forms.tile_m = forms.tile_n = 0, true;
  return parse_tile(value, forms);
}

}  // namespace

std::string compiler::to_string(const HopperForms& forms) {
  const char* const pin = forms.pin == HopperForms::Pin::Store ? "store" : forms.pin == HopperForms::Pin::Sleep ? "sleep" : "none";
  return fmt::format("pin={},turns={},maximum={},tile={}", pin, forms.take_turns ? "on" : "off", forms.lazy_maximum ? "lazy" : "exact",
                     forms.tile_m == 0 ? "auto" : fmt::format("{}x{}", forms.tile_m, forms.tile_n));
}

Result<HopperForms> parse_hopper_forms(std::string_view text, DType dtype) {
  HopperForms forms;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view part = rest.substr(0, end);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || !set(part.substr(0, equals), part.substr(equals + 1), forms))
      return std::unexpected(Error{ErrorKind::Usage, fmt::format("{} has `{}`; it takes {}", kVariable, part, kGrammar)});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (forms.lazy_maximum && dtype != bf16)
    return std::unexpected(Error{ErrorKind::Usage, fmt::format("{} asks for the lazy maximum, which {} does not have: its exponentials would overflow; give --dtype bf16", kVariable, name_of(dtype))});
  return forms;
}

Result<HopperForms> hopper_forms_from_environment(DType dtype) {
  const char* const text = std::getenv(kVariable);
  return parse_hopper_forms(text != nullptr ? text : "", dtype);
}

}  // namespace flexc
