#include "tests/cpu/reference.h"

#include <cmath>
#include <limits>

namespace flexc::cpu_test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::size_t index(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

ReferenceOutput reference_attention(const ReferenceInput& input) {
  const Shape& shape = input.shape;
  const std::int64_t group = shape.heads / shape.kv_heads, k_batch = shape.k_batch ? shape.k_batch : shape.batch,
                     v_batch = shape.v_batch ? shape.v_batch : shape.batch;
  ReferenceOutput result;
  result.out.resize(index(shape.batch * shape.heads * shape.q_len * shape.value_dim));
  result.lse.resize(index(shape.batch * shape.heads * shape.q_len));
  result.max_scores.resize(result.lse.size());
  std::vector<double> scores;
  std::vector<std::int64_t> kept;
  for (std::int64_t b = 0; b < shape.batch; ++b)
    for (std::int64_t h = 0; h < shape.heads; ++h)
      for (std::int64_t row = 0; row < shape.q_len; ++row) {
        const std::int64_t line = (b * shape.heads + h) * shape.q_len + row;
        const double* q = input.q.data() + line * shape.head_dim;
        const double* k = input.k.data() + ((k_batch == 1 ? 0 : b) * shape.kv_heads + h / group) * shape.kv_len * shape.head_dim;
        const double* v = input.v.data() + ((v_batch == 1 ? 0 : b) * shape.kv_heads + h / group) * shape.kv_len * shape.value_dim;
        scores.clear();
        kept.clear();
        double top = -kInfinity;
        bool has_nan = false;
        for (std::int64_t column = 0; column < shape.kv_len; ++column) {
          const std::int64_t q_idx = row + shape.q_offset, kv_idx = column + shape.kv_offset;
          if (input.mask && !input.mask(b, h, q_idx, kv_idx)) continue;
          double s = 0;
          for (std::int64_t i = 0; i < shape.head_dim; ++i) s += q[i] * k[column * shape.head_dim + i];
          s *= input.scale;
          if (input.score) s = input.score(s, b, h, q_idx, kv_idx);
          if (s == -kInfinity) continue;
          if (std::isnan(s))
            has_nan = true;
          else
            top = std::max(top, s);
          if (std::isfinite(s)) result.largest_score = std::max(result.largest_score, std::abs(s));
          scores.push_back(s);
          kept.push_back(column);
        }
        double* out = result.out.data() + line * shape.value_dim;
        const double sink = input.sink ? (*input.sink)[index(h)] : -kInfinity;
        result.max_scores[index(line)] = has_nan ? std::nan("") : top;
        if (kept.empty()) {
          result.lse[index(line)] = sink;
          continue;
        }
        const double shift = std::max(top, sink);
        double sum = std::exp(sink - shift);
        for (double s : scores) sum += std::exp(s - shift);
        const bool poisoned = has_nan || std::isnan(sink) || shift == kInfinity;
        result.lse[index(line)] = has_nan || std::isnan(sink) ? std::nan("") : shift == kInfinity ? kInfinity : shift + std::log(sum);
        for (std::int64_t i = 0; i < shape.value_dim; ++i) {
          double value = poisoned ? std::nan("") : 0;
          for (std::size_t j = 0; j < kept.size(); ++j) value += std::exp(scores[j] - shift) / sum * v[kept[j] * shape.value_dim + i];
          out[i] = value;
        }
      }
  return result;
}

}  // namespace flexc::cpu_test
