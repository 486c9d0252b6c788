// What machine code may use here: the x86-64 levels by which Linux distributions build.
#pragma once

#include <cstdint>
#include <string_view>

#include "flexc/error.h"

namespace flexc::runtime {

/// v3: AVX2, FMA, F16C; v4: AVX-512 F, BW, CD, DQ and VL too.
enum class CpuLevel : std::uint8_t { X86_64_v3, X86_64_v4 };

/// "x86-64-v3"
std::string_view name_of(CpuLevel level);
/// This machine's; an error where it has no AVX2, or the system does not save its registers.
Result<CpuLevel> detect_cpu_level();

}  // namespace flexc::runtime
