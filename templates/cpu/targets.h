// For which instruction sets Highway compiles: AVX2, AVX-512, and what every machine of this architecture has. Before foreach_target.h.
#pragma once

// Sets that Highway knows beyond those would only cost build time, and those with vectors of unknown length are not provided for.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
