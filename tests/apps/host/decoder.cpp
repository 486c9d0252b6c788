#include "decoder.h"

#include <algorithm>
#include <cmath>

#include <flexc/random.h>

#include "must.h"

namespace {

/// y [rows][outputs] = x [rows][inputs] · Wᵀ, added to y where `add`.
void multiply(const std::vector<float>& weight, const std::vector<float>& x, std::vector<float>& y, std::int64_t rows, std::int64_t outputs, std::int64_t inputs, bool add = false) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t o = 0; o < outputs; ++o) {
      float sum = 0;
      for (std::int64_t i = 0; i < inputs; ++i) sum += weight[static_cast<std::size_t>(o * inputs + i)] * x[static_cast<std::size_t>(r * inputs + i)];
      float& out = y[static_cast<std::size_t>(r * outputs + o)];
      out = add ? out + sum : sum;
    }
}

void normalise(const std::vector<float>& x, std::vector<float>& y, std::int64_t rows) {
  for (std::int64_t r = 0; r < rows; ++r) {
    double squares = 0;
    for (std::int64_t i = 0; i < kHidden; ++i) squares += static_cast<double>(x[static_cast<std::size_t>(r * kHidden + i)]) * x[static_cast<std::size_t>(r * kHidden + i)];
    const double scale = 1 / std::sqrt(squares / kHidden + kNormEpsilon);
    for (std::int64_t i = 0; i < kHidden; ++i) y[static_cast<std::size_t>(r * kHidden + i)] = static_cast<float>(x[static_cast<std::size_t>(r * kHidden + i)] * scale);
  }
}

}  // namespace

DecoderWeights DecoderWeights::draw(std::uint64_t seed) {
  const auto matrix = [&](const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    const flexc::CounterRandom random(seed, name);
    std::vector<float> values(static_cast<std::size_t>(outputs * inputs));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(random.normal(i) / std::sqrt(static_cast<double>(inputs)));
    return values;
  };
  DecoderWeights weights;
  weights.tokens = matrix("tokens", kVocabulary, kHidden);
  for (std::int64_t l = 0; l < kLayers; ++l) {
    const std::string layer = std::to_string(l);
    weights.layers.push_back({matrix("query" + layer, kHeads * kHeadDim, kHidden), matrix("key" + layer, kKvHeads * kHeadDim, kHidden),
                              matrix("value" + layer, kKvHeads * kHeadDim, kHidden), matrix("output" + layer, kHidden, kHeads * kHeadDim),
                              matrix("inner" + layer, kInner, kHidden), matrix("outer" + layer, kHidden, kInner)});
  }
  return weights;
}

Decoder::Decoder(const DecoderWeights& weights, int threads) : weights_(weights), threads_(threads) {
  keys_.resize(kLayers * kKvHeads * kCapacity * kHeadDim);
  values_.resize(keys_.size());
  for (std::vector<float>* rows : {&x_, &normed_}) rows->resize(kCapacity * kHidden);
  for (std::vector<float>* rows : {&q_, &mixed_}) rows->resize(kCapacity * kHeads * kHeadDim);
  for (std::vector<float>* rows : {&k_, &v_}) rows->resize(kCapacity * kKvHeads * kHeadDim);
  inner_.resize(kCapacity * kInner);
  logits_.resize(kVocabulary);
}

void Decoder::attend(const flexc::Kernel& attention, std::size_t layer, std::int64_t count, std::int64_t q_offset) {
  // The new keys and values go to the end of the cache …
  const std::size_t first = layer * kKvHeads * kCapacity * kHeadDim;
  for (std::int64_t head = 0; head < kKvHeads; ++head)
    for (std::int64_t t = 0; t < count; ++t)
      for (std::int64_t i = 0; i < kHeadDim; ++i) {
        const std::size_t to = first + static_cast<std::size_t>((head * kCapacity + length_ + t) * kHeadDim + i);
        const std::size_t from = static_cast<std::size_t>((t * kKvHeads + head) * kHeadDim + i);
        keys_[to] = k_[from];
        values_[to] = v_[from];
      }
  // … and the kernel sees as much of it as is filled: a view with another length, no other kernel.
  const std::int64_t filled = length_ + count;
  const auto rows = [&](std::vector<float>& memory) { return flexc::TensorView(memory.data(), flexc::f32, {1, kHeads, count, kHeadDim}, {0, kHeadDim, kHeads * kHeadDim, 1}); };
  const auto cache = [&](std::vector<float>& memory) {
    return flexc::TensorView(memory.data() + first, flexc::f32, {1, kKvHeads, filled, kHeadDim}, {0, kCapacity * kHeadDim, kHeadDim, 1});
  };
  flexc::Captures captures;
  captures.set("slopes", flexc::TensorView(kSlopes, flexc::f32, {kHeads}));
  captures.set_param("window", kWindow);
  must(attention.run({.q = rows(q_), .k = cache(keys_), .v = cache(values_), .out = rows(mixed_), .captures = std::move(captures), .q_offset = q_offset, .threads = threads_}));
}

const std::vector<float>& Decoder::advance(const flexc::Kernel& attention, std::span<const std::int32_t> tokens, std::int64_t q_offset) {
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (length_ + count > kCapacity) stop("the cache is full");
  for (std::int64_t t = 0; t < count; ++t)
    std::copy_n(weights_.tokens.begin() + tokens[static_cast<std::size_t>(t)] * kHidden, kHidden, x_.begin() + t * kHidden);
  for (std::size_t l = 0; l < weights_.layers.size(); ++l) {
    const DecoderWeights::Layer& layer = weights_.layers[l];
    normalise(x_, normed_, count);
    multiply(layer.query, normed_, q_, count, kHeads * kHeadDim, kHidden);
    multiply(layer.key, normed_, k_, count, kKvHeads * kHeadDim, kHidden);
    multiply(layer.value, normed_, v_, count, kKvHeads * kHeadDim, kHidden);
    attend(attention, l, count, q_offset);
    multiply(layer.output, mixed_, x_, count, kHidden, kHeads * kHeadDim, true);
    normalise(x_, normed_, count);
    multiply(layer.inner, normed_, inner_, count, kInner, kHidden);
    for (std::int64_t i = 0; i < count * kInner; ++i) inner_[static_cast<std::size_t>(i)] = std::max(0.0f, inner_[static_cast<std::size_t>(i)]);
    multiply(layer.outer, inner_, x_, count, kHidden, kInner, true);
  }
  length_ += count;
  std::copy_n(x_.begin() + (count - 1) * kHidden, kHidden, x_.begin());
  normalise(x_, normed_, 1);
  multiply(weights_.tokens, normed_, logits_, 1, kVocabulary, kHidden);
  return logits_;
}
