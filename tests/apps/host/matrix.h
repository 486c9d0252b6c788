// The matrix product that a transformer's linear layers need.
#pragma once

#include <cstdint>
#include <vector>

/// y = x·Wᵀ + bias, with W as checkpoints hold it: [outputs][inputs].
class Linear {
 public:
  Linear() = default;
  Linear(const float* weight, const float* bias, std::int64_t outputs, std::int64_t inputs);

  /// x [rows][inputs], y [rows][outputs], both row-major. Rows are shared among `threads` threads.
  void apply(const float* x, float* y, std::int64_t rows, int threads) const;

 private:
  void apply_rows(const float* x, float* y, std::int64_t begin, std::int64_t end) const;

  std::int64_t outputs_ = 0, inputs_ = 0, panels_ = 0;
  std::vector<float> packed_;  ///< [panel of 16 outputs][input][16]
  std::vector<float> bias_;    ///< whole panels
};
