// The variant that tests launch on the stand-in driver, and whether it can be compiled here.
#pragma once

#include <catch2/catch.hpp>

#include "runtime/cuda/nvrtc.h"

namespace flexc::test {

/// With a value of the launch level in a band. Its narrow member takes the ladder's first tile, which is the host model's.
inline constexpr const char* kWindow = R"(
tensor slopes: f32[H]
param period: i64 = 5
def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h] * (kv_idx - q_idx)
def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) and (q_idx - kv_idx < period * 10)
)";

/// Where there is none, says that the test is skipped.
inline bool has_nvrtc() {
  if (runtime::Nvrtc::open()) return true;
  WARN("skipped: no NVRTC here");
  return false;
}

}  // namespace flexc::test
