// The machine's matrix unit: whether there is one, and its tiles as functions. Today that is Intel's AMX with bf16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace flexc::cpu {

inline constexpr std::int64_t kTileRows = 16;  ///< rows of a tile register
inline constexpr std::int64_t kTilePairs = 16;  ///< pairs of bf16, or f32, of a row: 64 bytes
inline constexpr std::int64_t kTileFloats = kTileRows * kTilePairs;
inline constexpr std::int64_t kTileDepth = 2 * kTilePairs;  ///< products summed by one multiplication

/// Whether the processor has AMX with bf16, the system saves its state, and this process may use it. Asked of the system once, which then keeps room for the state.
bool has_matrix_unit();

#if defined(__x86_64__)
/// Tile registers 0 to 7 of AMX, each 16 rows of 64 bytes, by their numbers. Only between start() and stop() on the thread at hand.
struct AmxTiles {
  /// Sets all eight registers to full size.
  static void start() {
    struct alignas(64) Shape {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    static constexpr Shape shape;
    static_assert(sizeof(Shape) == 64);
    asm volatile("ldtilecfg %0" ::"m"(shape));
  }
  /// Gives the state back, so that the system need not save it and the unit can rest.
  static void stop() { asm volatile("tilerelease" ::: "memory"); }

  template <int kTile>
  static void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  /// 16 rows of 64 bytes, `step` bytes apart.
  template <int kTile>
  static void load(const void* from, std::int64_t step) {
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(from), "r"(step) : "memory");
  }
  /// The same of what is not needed again soon: it does not take the place of what stays in L1.
  template <int kTile>
  static void load_once(const void* from, std::int64_t step) {
    asm volatile("tileloaddt1 (%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(from), "r"(step) : "memory");
  }
  template <int kTile>
  static void store(void* to, std::int64_t step) {
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(kTile), "r"(to), "r"(step) : "memory");
  }
  /// C [16][16] f32 += A [16][32] bf16 x B [16][16][2] bf16, whose row r holds the pairs (2 r, 2 r + 1) of 16 columns.
  template <int kC, int kA, int kB>
  static void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
  }
};
#endif

}  // namespace flexc::cpu
