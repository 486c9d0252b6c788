#include <algorithm>
#include <cmath>

#include "decoder.h"

namespace {

using Rows = std::vector<std::vector<double>>;

Rows times(const std::vector<float>& weight, const Rows& x, std::int64_t outputs) {
  Rows y;
  for (const std::vector<double>& row : x) {
    std::vector<double> result(static_cast<std::size_t>(outputs));
    for (std::size_t o = 0; o < result.size(); ++o)
      for (std::size_t i = 0; i < row.size(); ++i) result[o] += static_cast<double>(weight[o * row.size() + i]) * row[i];
    y.push_back(std::move(result));
  }
  return y;
}

Rows normalised(const Rows& x) {
  Rows y = x;
  for (std::vector<double>& row : y) {
    double squares = 0;
    for (const double value : row) squares += value * value;
    for (double& value : row) value /= std::sqrt(squares / kHidden + kNormEpsilon);
  }
  return y;
}

void add(Rows& to, const Rows& from) {
  for (std::size_t t = 0; t < to.size(); ++t)
    for (std::size_t i = 0; i < to[t].size(); ++i) to[t][i] += from[t][i];
}

/// Softmax of scale·q·k − slope·distance over the last kWindow positions, times v.
Rows attention(const Rows& q, const Rows& k, const Rows& v) {
  Rows out(q.size(), std::vector<double>(kHeads * kHeadDim));
  for (std::size_t t = 0; t < q.size(); ++t)
    for (std::size_t head = 0; head < kHeads; ++head) {
      const std::size_t kv_head = head / (kHeads / kKvHeads), first = t + 1 > kWindow ? t + 1 - kWindow : 0;
      std::vector<double> scores;
      for (std::size_t s = first; s <= t; ++s) {
        double product = 0;
        for (std::size_t i = 0; i < kHeadDim; ++i) product += q[t][head * kHeadDim + i] * k[s][kv_head * kHeadDim + i];
        scores.push_back(product / std::sqrt(static_cast<double>(kHeadDim)) - kSlopes[head] * static_cast<double>(t - s));
      }
      const double top = *std::ranges::max_element(scores);
      double sum = 0;
      for (double& score : scores) sum += score = std::exp(score - top);
      for (std::size_t s = first; s <= t; ++s)
        for (std::size_t i = 0; i < kHeadDim; ++i) out[t][head * kHeadDim + i] += scores[s - first] / sum * v[s][kv_head * kHeadDim + i];
    }
  return out;
}

}  // namespace

std::vector<double> reference_logits(const DecoderWeights& weights, std::span<const std::int32_t> tokens) {
  Rows x;
  for (const std::int32_t token : tokens) x.emplace_back(weights.tokens.begin() + token * kHidden, weights.tokens.begin() + (token + 1) * kHidden);
  for (const DecoderWeights::Layer& layer : weights.layers) {
    const Rows normed = normalised(x);
    add(x, times(layer.output, attention(times(layer.query, normed, kHeads * kHeadDim), times(layer.key, normed, kKvHeads * kHeadDim), times(layer.value, normed, kKvHeads * kHeadDim)), kHidden));
    Rows inner = times(layer.inner, normalised(x), kInner);
    for (std::vector<double>& row : inner)
      for (double& value : row) value = std::max(0.0, value);
    add(x, times(layer.outer, inner, kHidden));
  }
  return times(weights.tokens, normalised({x.back()}), kVocabulary).front();
}
