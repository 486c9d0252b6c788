// The Params words of templates/hooks.cuh for one call: the kernel's second argument.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "flexc/positions.h"
#include "flexc/tensor.h"
#include "runtime/cuda/hopper_member.h"

namespace flexc::runtime {

/// What a call brings, in the order of the variant's declarations. Borrows.
struct HookCall {
  struct Param {
    std::int64_t integer = 0;
    float real = 0;
    bool is_real = false;  ///< declared f32
  };
  std::array<std::int64_t, tile::kSymbols> symbols{};  ///< B, H, HKV, Q, KV
  std::span<const TensorView> captures;                ///< those that are not read may be absent
  std::span<const Param> params;
  std::span<const std::int64_t> fresh_dims;
  double scale = 1;
  PositionMap q_positions = {}, kv_positions = {};     ///< asked by members for positions in steps alone
};

/// Every word, the launch level's too. Capture pointers are the views' own, so they belong to the memory in which the kernel runs. Internal where the
/// call does not fit the layout.
Result<std::vector<std::uint64_t>> pack_hook_params(std::span<const HookWords> layout, const LaunchProgram& launch, const HookCall& call);

}  // namespace flexc::runtime
