// The diagnostic codes as constants, `codes::undefined_name` being "undefined-name": one that is not in codes.def does not compile.
#pragma once

#include <cstddef>
#include <string_view>

namespace flexc::dsl::codes {

namespace detail {
/// A macro's argument with '_' turned into '-'.
template <std::size_t N>
struct Kebab {
  char text[N] = {};
  consteval explicit Kebab(const char (&name)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = name[i] == '_' ? '-' : name[i];
  }
};
}  // namespace detail

#define FLEXC_CODE(name)                              \
  inline constexpr detail::Kebab name##_kebab{#name}; \
  inline constexpr std::string_view name{name##_kebab.text, sizeof(#name) - 1};
#include "dsl/codes.def"
#undef FLEXC_CODE

}  // namespace flexc::dsl::codes
