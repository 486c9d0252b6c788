// Compiles the kernels with emulated tiles for AVX2, which agrees with AVX-512, and so with the real unit's kernels, to the bit. Not by -mavx2: then the
// library's inline functions would be compiled for AVX2 here, the linker could take these for all, and no test would run on a machine without.
// Highway's way marks only its own namespace.
#include "tests/cpu/emulated_kernels.h"

// AVX2 and what every machine of the architecture has: Highway wants that one too, but nothing is taken from it.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/cpu/emulated_kernels.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "templates/cpu/group-inl.h"
#include "tests/cpu/emulated_tiles.h"

#if HWY_TARGET == HWY_AVX2
HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

inline KernelTable emulated_kernel_table() { return kernels_named<cpu_test::EmulatedTiles>(cpu_test::kEmulatedTarget.data()); }
inline KernelTable faulty_kernel_table() { return kernels_named<cpu_test::FaultyTiles>(cpu_test::kFaultyTarget.data()); }

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace flexc::cpu_test {

const cpu::KernelTable* emulated_kernels([[maybe_unused]] std::string_view target) {
#if HWY_TARGETS & HWY_AVX2
  static const bool has_avx2 = (hwy::SupportedTargets() & HWY_AVX2) != 0;
  if (!has_avx2) return nullptr;
  static const cpu::KernelTable emulated = cpu::N_AVX2::emulated_kernel_table(), faulty = cpu::N_AVX2::faulty_kernel_table();
  if (target == kEmulatedTarget) return &emulated;
  if (target == kFaultyTarget) return &faulty;
#endif
  return nullptr;
}

}  // namespace flexc::cpu_test
#endif
