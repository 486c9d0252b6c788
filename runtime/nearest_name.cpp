#include "runtime/nearest_name.h"

#include <algorithm>
#include <vector>

namespace flexc {
namespace {

/// Edit distance with transpositions of neighbours, or limit + 1 where it is more than that.
std::size_t distance_within(std::string_view x, std::string_view y, std::size_t limit) {
  if (x.size() > y.size() + limit || y.size() > x.size() + limit) return limit + 1;
  std::vector<std::size_t> before(y.size() + 1), last(y.size() + 1), row(y.size() + 1);
  for (std::size_t j = 0; j <= y.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= x.size(); ++i) {
    row[0] = i;
    std::size_t least = i;
    for (std::size_t j = 1; j <= y.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (x[i - 1] == y[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (least > limit) return limit + 1;
    before.swap(last);
    last.swap(row);
  }
  return last[y.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
  constexpr std::size_t kLongestName = 64;  // beyond that nobody mistypes, and the distance takes long
  if (name.size() > kLongestName) return {};
  std::size_t best = std::max<std::size_t>(1, name.size() / 3) + 1;
  std::string_view nearest;
  for (std::string_view candidate : candidates) {
    if (candidate == name) continue;
    const std::size_t distance = distance_within(name, candidate, best - 1);
    if (distance < best && distance < std::max(name.size(), candidate.size())) {
      best = distance;
      nearest = candidate;
      if (best == 1) break;
    }
  }
  return nearest;
}

}  // namespace flexc
