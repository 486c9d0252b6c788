// Compiles the kernels for each instruction set.
#include "templates/cpu/kernels.h"
#include "templates/cpu/targets.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "templates/cpu/kernels.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "templates/cpu/group-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

inline KernelTable kernel_table() { return kernels_named<NoTiles>(hwy::TargetName(HWY_TARGET)); }
#if HWY_TARGET == HWY_AVX3 && defined(__x86_64__)
inline KernelTable amx_kernel_table() { return kernels_named<AmxTiles>("AMX"); }
#endif

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flexc::cpu {
namespace {

struct AvailableKernels {
  std::vector<KernelTable> tables;

  AvailableKernels() {
    [[maybe_unused]] const auto supported = hwy::SupportedTargets();
#if HWY_TARGETS & HWY_AVX3
    if (supported & HWY_AVX3) tables.push_back(N_AVX3::kernel_table());
#endif
#if HWY_TARGETS & HWY_AVX2
    if (supported & HWY_AVX2) tables.push_back(N_AVX2::kernel_table());
#endif
#if HWY_STATIC_TARGET != HWY_AVX2 && HWY_STATIC_TARGET != HWY_AVX3
    tables.push_back(HWY_STATIC_DISPATCH(kernel_table)());
#endif
#if HWY_TARGETS & HWY_AVX3 && defined(__x86_64__)
    const bool another_is_chosen = std::ranges::any_of(tables, [](const KernelTable& table) { return table.name == chosen_target(); });
    if ((supported & HWY_AVX3) && !another_is_chosen && has_matrix_unit()) tables.insert(tables.begin(), N_AVX3::amx_kernel_table());
#endif
  }
};

}  // namespace

const std::string& chosen_target() {
  static const std::string name = [] {
    const char* const text = std::getenv("FLEXC_CPU_TARGET");
    return std::string(text ? text : "");
  }();
  return name;
}

std::span<const KernelTable> kernel_tables() {
  static const AvailableKernels available;
  return available.tables;
}

}  // namespace flexc::cpu
#endif
