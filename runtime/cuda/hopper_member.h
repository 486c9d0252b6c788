// What is known of a compiled CUDA kernel beside its code: one member of a variant's family for one tile. The emitter writes it, the host model and
// the launch read it; free of MLIR and LLVM, so that hosts which only load kernels have it too.
#pragma once

#include <algorithm>
#include <vector>

#include "runtime/cuda/launch_program.h"
#include "templates/hopper/tile.h"

namespace flexc::runtime {

/// Which template a kernel is made of.
enum class KernelKind : unsigned {
  Hopper,  ///< templates/hopper: sm_90a, bf16 and f16, head dims up to 256
  Simt,    ///< templates/simt: sm_80 and up, what Hopper's does not take, and its careful path
};

/// Names of the kernels in a cubin.
inline constexpr const char *kHopperKernel = "flexc_attention_forward", *kSimtKernel = "flexc_attention_simt";
constexpr const char* entry_of(KernelKind kind) { return kind == KernelKind::Hopper ? kHopperKernel : kSimtKernel; }

/// A piece of the Params struct of templates/hooks.cuh, in 64-bit words and in the order of the struct.
struct HookWords {
  enum class Kind {
    Problem,   ///< batch, heads, kv_heads, q_total, kv_total
    Scales,    ///< scale·log2(e) in the low half, scale in the high half
    Capture,   ///< `index` in the normal form: pointer, sizes, strides in elements
    Param,     ///< `index` in the normal form: an integer, or an f32 in the low half
    FreshDim,  ///< `index` in the normal form
    Launch,    ///< value `index` of the launch level
    Divisor,   ///< the three words of flexc::Divisor for divisor `index` of the launch level
    Steps,     ///< what a member for positions in steps has of a call's (templates/hopper/stepped.cuh), kStepWords of them
  } kind;
  unsigned index = 0;
  unsigned count = 1;
  bool operator==(const HookWords&) const = default;
};

/// Words of a piece of kind Steps.
inline constexpr unsigned kStepWords = 7;

enum class ScoreClass { Identity, Affine, General };

/// The sizes that a kernel is compiled for (templates/hopper/tile.h has their meaning).
struct HopperTile {
  device::Element element = device::Element::kBf16;
  unsigned m = 128, n = 128, d = 128, dv = 128;
  bool operator==(const HopperTile&) const = default;
};

struct HopperMember {
  KernelKind kernel = KernelKind::Hopper;
  HopperTile tile;                  ///< of a plain kernel (templates/simt) its block; d is 0, for any head dim
  unsigned threads = 0;             ///< of a CTA
  unsigned dynamic_smem_bytes = 0;  ///< of a CTA
  ScoreClass score_class = ScoreClass::Identity;
  bool has_band = false, has_mask = false;
  bool lazy_maximum = false;      ///< then there are no max_scores
  std::vector<HookWords> params;  ///< the kernel's second argument
  unsigned param_words = 0;       ///< of the whole struct
  LaunchProgram launch;           ///< what fills its launch-level words
};

/// Whether the kernel is Hopper's for positions in other steps than 1.
inline bool takes_steps(const HopperMember& member) {
  return std::ranges::any_of(member.params, [](const HookWords& piece) { return piece.kind == HookWords::Kind::Steps; });
}

}  // namespace flexc::runtime
