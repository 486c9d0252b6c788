// The plain kernel (templates/simt) over mods that are written by hand.
#pragma once
#include "templates/simt/forward.cuh"
#include "tests/hopper/mods.h"

namespace hopper_model {

template <Element kElement, class Hooks, unsigned kD = 64, unsigned kDV = kD>
struct SimtMember {
  using Config = flexc::device::SimtTile<kElement, kDV, static_cast<unsigned>(Hooks::kColumnWords)>;
  static void enter(flexc::model::Machine* machine, void* arguments) {
    flexc::model::machine = machine;
    const flexc_simt_arguments copy{static_cast<const KernelArguments*>(arguments)->arguments, 1, 1};  // as a kernel gets them: by value
    flexc::device::simt_forward<Config, Hooks>(copy, typename Hooks::Params{});
  }
  static ForwardKernel kernel(const char* name) {
    return {name,  kElement, flexc::device::kSimtItemRows, flexc::device::kSimtKeys, kD, kDV, flexc::device::kSimtThreads, Config::kSharedBytes, &enter, Hooks::kHasBand, &Hooks::score, &Hooks::kept};
  }
};

}  // namespace hopper_model
