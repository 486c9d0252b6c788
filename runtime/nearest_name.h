// "Did you mean": the nearest known name.
#pragma once

#include <span>
#include <string_view>

namespace flexc {

/// The candidate nearest to `name` (edit distance with transpositions, at most a third of its length, at least 1), or "".
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace flexc
