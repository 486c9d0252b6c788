// Tests of what is compiled once for each instruction set.
#pragma once

#include "templates/cpu/targets.h"  // must come before highway.h

#include <catch2/catch.hpp>
#include <cstdint>
#include <hwy/highway.h>

namespace flexc::cpu_test {

/// Calls `use` once for each instruction set of the machine, which Highway then chooses.
template <class Use>
void on_each_target(const Use& use) {
  for (std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS; targets != 0; targets &= targets - 1) {
    const std::int64_t one = targets & -targets;
    INFO(hwy::TargetName(one));
    hwy::SetSupportedTargetsForTest(one);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    use();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace flexc::cpu_test
