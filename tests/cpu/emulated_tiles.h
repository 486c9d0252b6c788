// The tiles of Intel's AMX in plain C++, with the meaning that Intel's manual gives them: so the path for the matrix unit is tested where there is none.
#pragma once

#include <cstdint>

namespace flexc::cpu_test {

/// As cpu::AmxTiles. Each thread has its own eight tiles, 16 rows of 64 bytes each.
struct EmulatedTiles {
  static void start();
  static void stop();

  template <int kTile>
  static void zero() {
    zero_tile(kTile);
  }
  template <int kTile>
  static void load(const void* from, std::int64_t step) {
    load_tile(kTile, from, step);
  }
  template <int kTile>
  static void load_once(const void* from, std::int64_t step) {
    load_tile(kTile, from, step);
  }
  template <int kTile>
  static void store(void* to, std::int64_t step) {
    store_tile(kTile, to, step);
  }
  /// TDPBF16PS to the bit, but for the payloads of NaNs: for each output two sums, of the first and of the second elements of the pairs, in fused
  /// multiplications and additions from +0 on; then C += first + second. Each operation rounds to nearest even, and takes and gives 0 for a denormal.
  template <int kC, int kA, int kB>
  static void multiply() {
    multiply_tiles(kC, kA, kB);
  }

  /// Multiplications so far, on all threads.
  static std::int64_t multiplications();
  /// Whether a tile was ever used outside start() and stop(), or these did not take turns, on any thread.
  static bool misused();
  /// Forgets that.
  static void forgive();

 protected:
  static void zero_tile(int tile);
  static void load_tile(int tile, const void* from, std::int64_t step);
  static void store_tile(int tile, void* to, std::int64_t step);
  static void multiply_tiles(int c, int a, int b);
};

/// A unit with a fault, which the tests have to find: it forgets the second element of each pair of A.
struct FaultyTiles : EmulatedTiles {
  template <int kC, int kA, int kB>
  static void multiply() {
    forget_second_elements(kA);
    multiply_tiles(kC, kA, kB);
  }

 private:
  static void forget_second_elements(int tile);
};

}  // namespace flexc::cpu_test
