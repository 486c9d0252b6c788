// The CUDA text of a variant's mods, and what the host must know beside it. Free of MLIR.
#pragma once

#include <string>
#include <vector>

#include "compiler/emit/cuda/hopper_forms.h"
#include "compiler/members.h"
#include "runtime/cuda/hopper_member.h"

namespace flexc::compiler {

using runtime::HookWords;
using runtime::ScoreClass;

/// What the text has, as its own constants say.
struct CudaHooks {
  std::string text;  ///< a struct by the contract of templates/hooks.cuh, which it includes
  std::vector<HookWords> params;
  ScoreClass score_class = ScoreClass::Identity;
  bool has_mask = false;
  bool has_band = false;
  unsigned column_words = 0;    ///< 32-bit words of each column in the table of columns
  unsigned relative_words = 0;  ///< of each difference in the table of differences
  Manifest manifest;  ///< what a launch must check before it runs this member
  unsigned param_words = 0;  ///< of the whole struct
  runtime::LaunchProgram launch;  ///< the launch-level words, for hosts without a compiler
  bool in_steps = false;  ///< the kernel reads the mods through Stepped<Hooks> (templates/hopper/stepped.cuh)
};

struct CudaHookOptions {
  std::string gallery_name;            ///< for the header; only letters, digits and _ are printed
  std::string identity;                ///< for the header: the normal form's hash in hexadecimal
  std::string struct_name = "Hooks";   ///< several structs may stand in one translation unit
  bool with_include = true;
  Member member = Member::Wide;
  runtime::KernelKind kernel = runtime::KernelKind::Hopper;  ///< around the mods
  HopperForms forms = {};              ///< of the kernel around the mods
  bool in_steps = false;               ///< whether that one is for positions in other steps than 1; the plain kernel is for any
};

}  // namespace flexc::compiler
