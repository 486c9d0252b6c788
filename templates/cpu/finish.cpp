#include "templates/cpu/finish.h"

#include <cmath>
#include <limits>

namespace flexc::cpu {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// What a row's weights are multiplied by, and its two statistics, in natural units.
struct RowEnd {
  double factor = 0, lse = -kInfinity, max_score = -kInfinity;
};

RowEnd end_of_row(float top, float sum, bool saw_nan, bool saw_infinity, const float* sink, bool wants_lse) {
  RowEnd end;
  const double sink2 = sink ? double{*sink} * kLog2e : -kInfinity;
  if (saw_nan) return {kNan, kNan, kNan};
  const bool empty = sum == 0;
  if (empty) {  // nothing left, or nothing but scores of -inf
    end.lse = sink ? double{*sink} : -kInfinity;
    return end;
  }
  end.max_score = saw_infinity ? kInfinity : double{top} * kLn2 + 0.0;  // which of two zeros is the larger one follows from the order in which they were met
  if (std::isnan(sink2)) return {kNan, kNan, end.max_score};
  if (saw_infinity || sink2 == kInfinity) return {kNan, kInfinity, end.max_score};
  if (!sink) {
    end.factor = 1 / double{sum};
    if (wants_lse) end.lse = (double{top} + std::log2(double{sum})) * kLn2;
    return end;
  }
  const double above = sink2 - double{top}, shift = above > 0 ? above : 0;
  const double denominator = double{sum} * std::exp2(-shift) + std::exp2(above - shift);
  end.factor = std::exp2(-shift) / denominator;
  end.lse = (double{top} + shift + std::log2(denominator)) * kLn2;
  return end;
}

void store_statistic(const RowOutput& output, const GroupPlace& place, std::int64_t row, double value) {
  if (output.data) output.data[place.b * output.strides.batch + place.h * output.strides.head + row * output.strides.row] = static_cast<float>(value);
}

}  // namespace

void end_rows(const Plan& plan, const Group& group, const float* totals, float* factors) {
  const GroupPlace& place = group.place;
  const float* sink = plan.call.sink ? plan.call.sink + place.h * plan.call.sink_stride : nullptr;
  const RowOutput &lse = plan.call.lse, &max_scores = plan.call.max_scores;
  const bool has_statistics = lse.data || max_scores.data;
  for (int row = 0; row < place.rows; ++row) {
    const RowEnd end = end_of_row(group.top[row], totals[row], group.saw_nan[row], group.saw_infinity[row], sink, lse.data != nullptr);
    factors[row] = static_cast<float>(end.factor);
    if (!has_statistics) continue;
    store_statistic(lse, place, place.first + row, end.lse);
    store_statistic(max_scores, place, place.first + row, end.max_score);
  }
}

}  // namespace flexc::cpu
