// Compiles the kernels for each instruction set.
#include "templates/cpu/kernels.h"
#include "templates/cpu/targets.h"

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
  KernelTable tables[4];
  std::size_t count = 0;

  AvailableKernels() {
    [[maybe_unused]] const auto supported = hwy::SupportedTargets();
#if HWY_TARGETS & HWY_AVX3
    if (supported & HWY_AVX3) {
#if defined(__x86_64__)
      if (has_matrix_unit()) tables[count++] = N_AVX3::amx_kernel_table();
#endif
      tables[count++] = N_AVX3::kernel_table();
    }
#endif
#if HWY_TARGETS & HWY_AVX2
    if (supported & HWY_AVX2) tables[count++] = N_AVX2::kernel_table();
#endif
#if HWY_STATIC_TARGET != HWY_AVX2 && HWY_STATIC_TARGET != HWY_AVX3
    tables[count++] = HWY_STATIC_DISPATCH(kernel_table)();
#endif
  }
};

}  // namespace

std::span<const KernelTable> kernel_tables() {
  static const AvailableKernels available;
  return {available.tables, available.count};
}

}  // namespace flexc::cpu
#endif
