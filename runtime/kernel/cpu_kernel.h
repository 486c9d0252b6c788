// The kernel of Device::cpu(): mods as machine code, called by the tiled kernel of templates/cpu. The code comes from a compiler or from a
// bundle; here it is all one.
#pragma once

#include <memory>

#include "flexc/engine.h"
#include "runtime/kernel/arguments.h"
#include "runtime/kernel/block_masks.h"
#include "runtime/kernel/gather_check.h"
#include "runtime/kernel/members.h"
#include "flexc/runtime/signature.h"

namespace flexc {

/// A CPU kernel's members, for tests: no caller of the public API sees them.
class CpuFamily {
 public:
  virtual ~CpuFamily() = default;
  /// Which member serves a call; the error that running it would give where it is not valid.
  virtual Result<runtime::Member> member_of(const RunArguments& arguments) const = 0;
  /// Runs a call through a member of the test's choice. The narrow one must be allowed by member_of.
  virtual Result<void> run_member(const RunArguments& arguments, runtime::Member member) const = 0;
  /// Members loaded so far.
  virtual int compiled() const = 0;
};

struct CpuKernelParts {
  std::shared_ptr<const runtime::Signature> signature;
  CompileOptions options;
  runtime::RowMemberSource members;
  TileProgramSource tile_program;
  GatherCheck check_gathers = {};  ///< empty: `checked` is an error
  std::shared_ptr<runtime::MaskCache> masks = {};  ///< the engine's; null: every block mask is built anew
};

/// The kernel is a CpuFamily too. Errors: what the source of members says, and Internal for an object that cannot be loaded.
Result<std::shared_ptr<const Kernel>> make_cpu_kernel(CpuKernelParts parts);

}  // namespace flexc
