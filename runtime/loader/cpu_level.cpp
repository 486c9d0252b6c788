#include "runtime/loader/cpu_level.h"

namespace flexc::runtime {

std::string_view name_of(CpuLevel level) { return level == CpuLevel::X86_64_v4 ? "x86-64-v4" : "x86-64-v3"; }

Result<CpuLevel> detect_cpu_level() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("x86-64-v4")) return CpuLevel::X86_64_v4;
  if (__builtin_cpu_supports("x86-64-v3")) return CpuLevel::X86_64_v3;
#endif
  return std::unexpected(Error{ErrorKind::Environment, "flexc's CPU kernels need a processor with AVX2, FMA and F16C (x86-64-v3); this one lacks them"});
}

}  // namespace flexc::runtime
