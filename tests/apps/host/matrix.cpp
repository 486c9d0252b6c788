#include "matrix.h"

#include <algorithm>
#include <thread>

namespace {

constexpr std::int64_t kPanel = 16;  ///< outputs that are computed side by side
constexpr std::int64_t kRows = 4;    ///< rows that share each weight that is read

/// kCount rows of x times one panel; the sums stay in registers.
template <std::int64_t kCount>
void multiply(const float* x, std::int64_t inputs, const float* panel, const float* bias, float* y, std::int64_t outputs, std::int64_t width) {
  float sums[kCount][kPanel];
  for (std::int64_t r = 0; r < kCount; ++r) std::copy_n(bias, kPanel, sums[r]);
  for (std::int64_t i = 0; i < inputs; ++i)
    for (std::int64_t r = 0; r < kCount; ++r)
      for (std::int64_t j = 0; j < kPanel; ++j) sums[r][j] += x[r * inputs + i] * panel[i * kPanel + j];
  for (std::int64_t r = 0; r < kCount; ++r) std::copy_n(sums[r], width, y + r * outputs);
}

}  // namespace

Linear::Linear(const float* weight, const float* bias, std::int64_t outputs, std::int64_t inputs)
    : outputs_(outputs), inputs_(inputs), panels_((outputs + kPanel - 1) / kPanel) {
  packed_.resize(static_cast<std::size_t>(panels_ * inputs * kPanel));
  bias_.resize(static_cast<std::size_t>(panels_ * kPanel));
  std::copy_n(bias, outputs, bias_.begin());
  for (std::int64_t o = 0; o < outputs; ++o)
    for (std::int64_t i = 0; i < inputs; ++i) packed_[static_cast<std::size_t>((o / kPanel * inputs + i) * kPanel + o % kPanel)] = weight[o * inputs + i];
}

void Linear::apply_rows(const float* x, float* y, std::int64_t begin, std::int64_t end) const {
  for (std::int64_t p = 0; p < panels_; ++p) {
    const float* const panel = packed_.data() + p * inputs_ * kPanel;
    const float* const bias = bias_.data() + p * kPanel;
    const std::int64_t width = std::min(kPanel, outputs_ - p * kPanel);
    std::int64_t row = begin;
    for (; row + kRows <= end; row += kRows) multiply<kRows>(x + row * inputs_, inputs_, panel, bias, y + row * outputs_ + p * kPanel, outputs_, width);
    for (; row < end; ++row) multiply<1>(x + row * inputs_, inputs_, panel, bias, y + row * outputs_ + p * kPanel, outputs_, width);
  }
}

void Linear::apply(const float* x, float* y, std::int64_t rows, int threads) const {
  std::vector<std::jthread> workers;
  const std::int64_t share = (rows + threads - 1) / threads;
  for (int t = 1; t < threads; ++t) {
    const std::int64_t begin = std::min(rows, t * share), end = std::min(rows, begin + share);
    workers.emplace_back([=, this] { apply_rows(x, y, begin, end); });
  }
  apply_rows(x, y, 0, std::min(rows, share));
}
