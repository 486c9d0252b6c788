// The kernel of Device::cuda(): machine code launched through the CUDA driver. Calls that the Hopper kernel takes are two launches, that one and behind it the
// plain kernel (templates/simt), which computes again what the first has marked as not finite; all others are the plain kernel's. The code comes from a
// compiler or from a bundle; here it is all one. Not yet run on a GPU.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "flexc/engine.h"
#include "flexc/runtime/signature.h"
#include "runtime/cuda/member_bytes.h"
#include "runtime/cuda/helper_kernels.h"
#include "runtime/cuda/tile_kernels.h"
#include "runtime/kernel/block_masks.h"
#include "runtime/kernel/gather_check.h"
#include "runtime/kernel/members.h"

namespace flexc {

/// One member's machine code, and what a launch has to know of it.
struct HopperCode : runtime::DescribedMember {
  std::vector<std::byte> cubin;
};
/// Where members come from: a compiler or a bundle. A kernel keeps what it is given.
using HopperCodeSource = std::function<Result<std::shared_ptr<const HopperCode>>(runtime::Member)>;

/// The same for the plain kernel, which is compiled for the GPU that is there: "sm_86".
using SimtCodeSource = std::function<Result<std::shared_ptr<const HopperCode>>(runtime::Member, const std::string& architecture)>;

struct GpuKernelParts {
  std::shared_ptr<const runtime::Signature> signature;
  CompileOptions options;
  HopperCodeSource members;  ///< of the Hopper kernel; empty: there is none
  HopperCodeSource members_in_steps = {};  ///< the same for positions in other steps than 1; empty: the plain kernel serves them
  SimtCodeSource simt;
  bool may_fall_back = true;  ///< whether the plain kernel serves calls by itself, beside being the Hopper kernel's careful path
  TileProgramSource tile_program;
  std::shared_ptr<runtime::MaskCache> masks = {};  ///< the engine's; null: every block mask is built anew
  runtime::TileKernelSource tile_kernels = {};     ///< for masks of captures in the GPU's memory; empty: NVRTC compiles them in this process
  runtime::HelperKernelSource helper_kernels = {}; ///< for keys in parts, and tensors that TMA cannot describe; empty: likewise
  GatherCheck check_gathers = {};  ///< empty: `checked` is an error
};

/// Opens the driver and loads the narrow members, both kernels' side by side; the wide ones are got and loaded by the first call that needs them. Environment
/// where there is no driver or no GPU from compute capability 8.0 on; Input for head dims that no kernel has (where the plain one may not serve, what the Hopper
/// kernel lacks: Usage for a dtype, Environment for a GPU); what the sources say.
Result<std::shared_ptr<const Kernel>> make_gpu_kernel(GpuKernelParts parts);

}  // namespace flexc
