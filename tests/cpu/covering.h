// A covering array: rows of factor levels in which each pair of levels of each two factors occurs. Built greedily, always the same.
#pragma once

#include <cstddef>
#include <random>
#include <vector>

namespace flexc::cpu_test {

inline std::vector<std::vector<std::size_t>> covering_array(const std::vector<std::size_t>& levels) {
  constexpr int kCandidates = 40;
  const std::size_t factors = levels.size();
  std::vector<std::size_t> first(factors, 0);
  std::size_t total = 0;
  for (std::size_t f = 0; f < factors; ++f) {
    first[f] = total;
    total += levels[f];
  }
  std::vector<char> open(total * total, 0);
  std::size_t left = 0;
  for (std::size_t f = 0; f < factors; ++f)
    for (std::size_t g = f + 1; g < factors; ++g)
      for (std::size_t i = 0; i < levels[f]; ++i)
        for (std::size_t j = 0; j < levels[g]; ++j, ++left) open[(first[f] + i) * total + first[g] + j] = 1;

  std::mt19937 engine(20240607);
  std::vector<std::vector<std::size_t>> rows;
  while (left > 0) {
    std::vector<std::size_t> best;
    std::size_t best_gain = 0;
    // Each candidate starts from a pair that is still open, so every row gains.
    std::size_t seed = engine() % open.size();
    for (int candidate = 0; candidate < kCandidates; ++candidate) {
      do seed = (seed + 1) % open.size();
      while (!open[seed]);
      std::vector<std::size_t> row(factors);
      for (std::size_t f = 0; f < factors; ++f) {
        row[f] = engine() % levels[f];
        for (const std::size_t level : {seed / total, seed % total})
          if (level >= first[f] && level < first[f] + levels[f]) row[f] = level - first[f];
      }
      std::size_t gain = 0;
      for (std::size_t f = 0; f < factors; ++f)
        for (std::size_t g = f + 1; g < factors; ++g) gain += static_cast<std::size_t>(open[(first[f] + row[f]) * total + first[g] + row[g]]);
      if (gain > best_gain) {
        best_gain = gain;
        best = row;
      }
    }
    for (std::size_t f = 0; f < factors; ++f)
      for (std::size_t g = f + 1; g < factors; ++g) open[(first[f] + best[f]) * total + first[g] + best[g]] = 0;
    left -= best_gain;
    rows.push_back(best);
  }
  return rows;
}

}  // namespace flexc::cpu_test
