// What tests of the matrix unit share: the units to test, the emulated one anywhere and the machine's where it has one, and a run on each.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "templates/cpu/matrix_unit.h"
#include "tests/cpu/emulated_kernels.h"
#include "tests/cpu/emulated_tiles.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {

inline constexpr DType kTypes[] = {DType::BF16, DType::F16, DType::F32};
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline const std::string kEmulated(kEmulatedTarget), kFaulty(kFaultyTarget), kReal = "AMX";

/// The kernels with a matrix unit. A test that finds none says so.
inline std::vector<std::string> matrix_targets() {
  std::vector<std::string> names;
  if (emulated_kernels(kEmulatedTarget)) names.push_back(kEmulated);
  if (cpu::has_matrix_unit()) names.push_back(kReal);
  if (names.empty()) WARN("skipped: the machine has neither a matrix unit nor AVX2 for the emulated one");
  return names;
}

/// Whether two units' results have the same bits, but for NaNs, which each has its own of, and the sign of a largest score of 0: of zeros of both signs
/// AVX2 and AVX-512 may find either.
inline bool same_but_nans(const Result& a, const Result& b) {
  const auto same = [](const auto& x, const auto& y, bool signs) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [signs](double one, double other) {
      return std::isnan(one) ? std::isnan(other) : one == other && (!signs || std::signbit(one) == std::signbit(other));
    });
  };
  return !a.out.empty() && same(a.out, b.out, true) && same(a.lse, b.lse, true) && same(a.max_scores, b.max_scores, false);
}

/// Runs on each matrix unit; they agree to the bit, with another number of threads and with a block mask too. Gives one of the results.
inline Result run_all(const Problem& problem) {
  const BlockMask mask = problem.block_mask(24, 40);
  Result first;
  for (const std::string& target : matrix_targets()) {
    INFO(target);
    const Result result = problem.run({target, 1, nullptr});
    CHECK(same_bits(result, problem.run({target, 2, &mask})));
    if (first.bytes.empty()) first = result;
    CHECK(same_but_nans(first, result));
  }
  CHECK_FALSE(EmulatedTiles::misused());
  return first;
}

inline void check(const Problem& problem) {
  if (!matrix_targets().empty()) CHECK(problem.compare(run_all(problem), problem.reference()) == "");
}

}  // namespace flexc::cpu_test
