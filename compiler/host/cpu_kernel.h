// The kernel of Device::cpu(): mods compiled to machine code, called by the tiled kernel of templates/cpu.
#pragma once

#include <expected>
#include <memory>

#include "compiler/members.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"

namespace flexc {

/// A CPU kernel's members, for tests: no caller of the public API sees them.
class CpuFamily {
 public:
  virtual ~CpuFamily() = default;
  /// Which member serves a call; the error that running it would give where it is not valid.
  virtual Result<compiler::Member> member_of(const RunArguments& arguments) const = 0;
  /// Runs a call through a member of the test's choice. The narrow one must be allowed by member_of.
  virtual Result<void> run_member(const RunArguments& arguments, compiler::Member member) const = 0;
  /// Members compiled so far.
  virtual int compiled() const = 0;
};

class RowCompiler;

/// Compiles `form` for this machine, or finds it compiled; the kernel is a CpuFamily too. Environment where it has no AVX2; everything else is Internal.
Result<std::shared_ptr<const Kernel>> make_cpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<RowCompiler> compiler);

}  // namespace flexc
