// The CUDA text of a variant's mods, and what the host must know beside it. Free of MLIR.
#pragma once

#include <string>
#include <vector>

#include "compiler/members.h"

namespace flexc::compiler {

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
  } kind;
  unsigned index = 0;
  unsigned count = 1;
  bool operator==(const HookWords&) const = default;
};

enum class ScoreClass { Identity, Affine, General };

/// What the text has, as its own constants say.
struct CudaHooks {
  std::string text;  ///< a struct by the contract of templates/hooks.cuh, which it includes
  std::vector<HookWords> params;
  ScoreClass score_class = ScoreClass::Identity;
  bool has_mask = false;
  bool has_band = false;
  unsigned column_words = 0;
  Manifest manifest;  ///< what a launch must check before it runs this member
  unsigned param_words = 0;  ///< of the whole struct
};

struct CudaHookOptions {
  std::string gallery_name;            ///< for the header; only letters, digits and _ are printed
  std::string identity;                ///< for the header: the normal form's hash in hexadecimal
  std::string struct_name = "Hooks";   ///< several structs may stand in one translation unit
  bool with_include = true;
  Member member = Member::Wide;
};

}  // namespace flexc::compiler
