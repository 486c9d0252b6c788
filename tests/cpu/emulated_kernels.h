// Kernels with a matrix unit that is emulated.
#pragma once

#include <string_view>

#include "templates/cpu/kernels.h"

namespace flexc::cpu_test {

inline constexpr std::string_view kEmulatedTarget = "AMX emulated", kFaultyTarget = "AMX faulty";

/// The kernels of either name; null for others, and where the machine does not have what they are compiled for.
const cpu::KernelTable* emulated_kernels(std::string_view target);

}  // namespace flexc::cpu_test
