// The kernel of Device::cuda(): a Hopper kernel's machine code, launched through the CUDA driver. The code comes from a compiler or from a bundle; here it
// is all one. Not yet run on a GPU.
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

struct GpuKernelParts {
  std::shared_ptr<const runtime::Signature> signature;
  CompileOptions options;
  HopperCodeSource members;
  TileProgramSource tile_program;
  std::shared_ptr<runtime::MaskCache> masks = {};  ///< the engine's; null: every block mask is built anew
  runtime::TileKernelSource tile_kernels = {};     ///< for masks of captures in the GPU's memory; empty: NVRTC compiles them in this process
  runtime::HelperKernelSource helper_kernels = {}; ///< for keys in parts, and tensors that TMA cannot describe; empty: likewise
  GatherCheck check_gathers = {};  ///< empty: `checked` is an error
};

/// Opens the driver and loads the narrow member; the wide one is got and loaded by the first call that needs it. Environment where there is no driver or no GPU
/// of compute capability 9.0; Usage for a dtype, Input for head dims that the Hopper kernel does not have; what the source of members says.
Result<std::shared_ptr<const Kernel>> make_gpu_kernel(GpuKernelParts parts);

}  // namespace flexc
