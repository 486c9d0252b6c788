#include "tests/cpu/emulated_tiles.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>

namespace flexc::cpu_test {
namespace {

constexpr int kTiles = 8, kRows = 16, kRowBytes = 64, kColumns = 16, kPairs = 16;

struct State {
  bool started = false;
  alignas(64) std::byte tiles[kTiles][kRows][kRowBytes];
};
thread_local State state;
std::atomic<std::int64_t> multiplication_count{0};
std::atomic<bool> was_misused{false};

/// The tile, which may be used now.
std::byte (&tile_at(int tile))[kRows][kRowBytes] {
  if (!state.started) was_misused = true;
  return state.tiles[tile];
}

constexpr std::uint32_t kSign = 0x80000000u, kLeastNormal = 0x00800000u;

/// A denormal is 0, with its sign. Without a branch, so that loops over it become vectors.
inline float flush(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits & ~kSign) < kLeastNormal ? bits & kSign : bits);
}

/// sum + a b in one rounding, whatever their sizes: the product is exact in f64, and the sum is rounded to odd there, so that the rounding to f32 sees
/// what was cut off. What is denormal once rounded to 24 bits is flushed, as where the exponent had no end.
float multiply_add_exactly(float a, float b, float sum) {
  const double product = double{a} * double{b}, wide = product + double{sum};
  if (!std::isfinite(wide)) return static_cast<float>(wide);
  const double of_sum = wide - product, error = (product - (wide - of_sum)) + (double{sum} - of_sum);
  auto bits = std::bit_cast<std::uint64_t>(wide);
  if (error != 0 && (bits & 1) == 0) bits = (error > 0) == (wide > 0) ? bits + 1 : bits - 1;
  const auto odd = std::bit_cast<double>(bits);
  if (std::abs(odd) >= 0x1p-125) return static_cast<float>(odd);
  constexpr double kUp = 0x1p100;
  const double rounded = double{static_cast<float>(odd * kUp)} / kUp;  // what is too small for this is far below the least normal number
  return std::abs(rounded) < 0x1p-126 ? std::copysign(0.0f, static_cast<float>(odd)) : static_cast<float>(rounded);
}

/// The exponents of a row's numbers that are not 0, as their bits have them.
struct Exponents {
  int least = 255, most = 0;
};
inline int exponent_of(float value) { return static_cast<int>(std::bit_cast<std::uint32_t>(value) >> 23 & 0xFFu); }

/// A row of B: element 0 or 1 of its pairs, widened.
struct BRow {
  float values[kColumns];
  Exponents exponents;
};

inline float widened(std::uint16_t bits) { return flush(std::bit_cast<float>(std::uint32_t{bits} << 16)); }

BRow b_row(const std::byte (&row)[kRowBytes], int element) {
  BRow result;
  std::uint16_t bits[2 * kColumns];
  std::memcpy(bits, row, sizeof row);
  for (int n = 0; n < kColumns; ++n) {
    const float value = result.values[n] = widened(bits[2 * n + element]);
    if (value == 0) continue;
    result.exponents.least = std::min(result.exponents.least, exponent_of(value));
    result.exponents.most = std::max(result.exponents.most, exponent_of(value));
  }
  return result;
}

/// sums += a row of B times an element of A.
inline void multiply_add(float a, const BRow& b, float (&sums)[kColumns]) {
  // A product of two bf16 has 16 bits: where none leaves the range of normal f32, it is exact, and the addition is all that rounds; and a sum that
  // is denormal is exact too. The smallest exponents of both, less their biases, are at least -126 together, the largest ones below 127.
  const int exponent = exponent_of(a);
  const bool is_plain = a == 0 || (exponent + b.exponents.least >= 128 && exponent + b.exponents.most <= 380);
  if (is_plain)
    for (int n = 0; n < kColumns; ++n) sums[n] = flush(sums[n] + a * b.values[n]);
  else
    for (int n = 0; n < kColumns; ++n) sums[n] = multiply_add_exactly(a, b.values[n], sums[n]);
}

}  // namespace

void EmulatedTiles::start() {
  if (state.started) was_misused = true;
  state = {};
  state.started = true;
}

void EmulatedTiles::stop() {
  if (!state.started) was_misused = true;
  state.started = false;
}

std::int64_t EmulatedTiles::multiplications() { return multiplication_count; }
bool EmulatedTiles::misused() { return was_misused; }
void EmulatedTiles::forgive() { was_misused = false; }

void EmulatedTiles::zero_tile(int tile) { std::memset(tile_at(tile), 0, sizeof state.tiles[tile]); }

void EmulatedTiles::load_tile(int tile, const void* from, std::int64_t step) {
  auto& rows = tile_at(tile);
  for (int row = 0; row < kRows; ++row) std::memcpy(rows[row], static_cast<const std::byte*>(from) + row * step, kRowBytes);
}

void EmulatedTiles::store_tile(int tile, void* to, std::int64_t step) {
  const auto& rows = tile_at(tile);
  for (int row = 0; row < kRows; ++row) std::memcpy(static_cast<std::byte*>(to) + row * step, rows[row], kRowBytes);
}

void EmulatedTiles::multiply_tiles(int c, int a, int b) {
  multiplication_count.fetch_add(1, std::memory_order_relaxed);
  const auto &left = tile_at(a), &right = tile_at(b);
  auto& target = tile_at(c);
  BRow right_rows[kPairs][2];
  for (int k = 0; k < kPairs; ++k)
    for (int element = 0; element < 2; ++element) right_rows[k][element] = b_row(right[k], element);
  for (int m = 0; m < kRows; ++m) {
    std::uint16_t row[2 * kPairs];
    std::memcpy(row, left[m], sizeof row);
    float first[kColumns] = {}, second[kColumns] = {}, sums[kColumns];
    for (int k = 0; k < kPairs; ++k) {
      multiply_add(widened(row[2 * k]), right_rows[k][0], first);
      multiply_add(widened(row[2 * k + 1]), right_rows[k][1], second);
    }
    std::memcpy(sums, target[m], sizeof sums);
    for (int n = 0; n < kColumns; ++n) sums[n] = flush(flush(sums[n]) + flush(first[n] + second[n]));
    std::memcpy(target[m], sums, sizeof sums);
  }
}

void FaultyTiles::forget_second_elements(int tile) {
  auto& rows = tile_at(tile);
  for (auto& row : rows)
    for (int pair = 0; pair < kPairs; ++pair) std::memset(row + 4 * pair + 2, 0, 2);
}

}  // namespace flexc::cpu_test
