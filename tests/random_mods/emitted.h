// A program's emitted CUDA, compiled for the host (tests/hooks/host_mods.h), against what it must give: masks and the strict cone to the
// bit, other floats within the bounds of docs/math.md, "The GPU's units".
#pragma once

#include "tests/hooks/host_mods.h"
#include "tests/random_mods/judge.h"

namespace random_mods {

/// Compares over the data, segments and scores that judge() draws from `seed` for the CPU's code: so where both are silent, oracle, CPU
/// and CUDA agree on the same pairs. A narrow member is judged where a launch could choose it.
Comparison judge_emitted(const flexc::dsl::NormalForm& form, const flexc::EmittedMod& mod, flexc::compiler::Member member, std::uint64_t seed);

}  // namespace random_mods
