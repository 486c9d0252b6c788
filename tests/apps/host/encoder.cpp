#include "encoder.h"

#include <cmath>
#include <numbers>

#include "must.h"

namespace {

constexpr float kNormEpsilon = 1e-12f;  // the model's own configuration
constexpr std::int64_t kWords = 30522, kPlaces = 512;

void add(std::vector<float>& to, const std::vector<float>& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

}  // namespace

PackedTexts PackedTexts::pack(std::span<const std::vector<std::int32_t>> texts) {
  PackedTexts packed;
  for (const std::vector<std::int32_t>& text : texts) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      packed.tokens.push_back(text[i]);
      packed.positions.push_back(static_cast<std::int32_t>(i));
      packed.documents.push_back(static_cast<std::int32_t>(packed.texts));
    }
    ++packed.texts;
  }
  return packed;
}

flexc::Tensor Encoder::load(const std::string& name, const std::vector<std::int64_t>& shape) const {
  flexc::Tensor tensor = must(flexc::load_tensor(file_ + ":" + name)).tensor;
  if (tensor.view().dtype != flexc::f32 || tensor.view().shape != shape) stop(file_ + ": " + name + " is not of the expected type and shape");
  return tensor;
}

Linear Encoder::linear(const std::string& name, std::int64_t outputs, std::int64_t inputs) const {
  const flexc::Tensor weight = load(name + ".weight", {outputs, inputs}), bias = load(name + ".bias", {outputs});
  return Linear(weight.as<float>(), bias.as<float>(), outputs, inputs);
}

Encoder::Norm Encoder::norm(const std::string& name) const { return {load(name + ".weight", {kHidden}), load(name + ".bias", {kHidden})}; }

Encoder::Encoder(const std::string& model_file, flexc::Engine& engine, const flexc::Variant& variant) : file_(model_file) {
  words_ = load("embeddings.word_embeddings.weight", {kWords, kHidden});
  places_ = load("embeddings.position_embeddings.weight", {kPlaces, kHidden});
  kinds_ = load("embeddings.token_type_embeddings.weight", {2, kHidden});
  embedding_norm_ = norm("embeddings.LayerNorm");
  for (std::int64_t i = 0; i < kLayers; ++i) {
    const std::string layer = "encoder.layer." + std::to_string(i) + ".";
    layers_.push_back({linear(layer + "attention.self.query", kHidden, kHidden), linear(layer + "attention.self.key", kHidden, kHidden),
                       linear(layer + "attention.self.value", kHidden, kHidden), linear(layer + "attention.output.dense", kHidden, kHidden),
                       linear(layer + "intermediate.dense", kInner, kHidden), linear(layer + "output.dense", kHidden, kInner),
                       norm(layer + "attention.output.LayerNorm"), norm(layer + "output.LayerNorm")});
  }
  attention_ = must(engine.compile(variant, {.dtype = flexc::f32, .head_dim = kHeadDim}));
}

void Encoder::Norm::apply(float* x, std::int64_t rows) const {
  for (std::int64_t r = 0; r < rows; ++r, x += kHidden) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < kHidden; ++i) sum += x[i];
    const double mean = sum / kHidden;
    for (std::int64_t i = 0; i < kHidden; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double scale = 1 / std::sqrt(squares / kHidden + kNormEpsilon);
    for (std::int64_t i = 0; i < kHidden; ++i) x[i] = static_cast<float>((x[i] - mean) * scale) * weight.as<float>()[i] + bias.as<float>()[i];
  }
}

std::vector<float> Encoder::embed_tokens(const PackedTexts& packed) const {
  std::vector<float> x(static_cast<std::size_t>(packed.length() * kHidden));
  for (std::int64_t t = 0; t < packed.length(); ++t) {
    const std::int64_t word = packed.tokens[static_cast<std::size_t>(t)], place = packed.positions[static_cast<std::size_t>(t)];
    if (word < 0 || word >= kWords || place >= kPlaces) stop("a token or a position is outside of the model's tables");
    for (std::int64_t i = 0; i < kHidden; ++i)
      x[static_cast<std::size_t>(t * kHidden + i)] = words_.as<float>()[word * kHidden + i] + places_.as<float>()[place * kHidden + i] + kinds_.as<float>()[i];
  }
  embedding_norm_.apply(x.data(), packed.length());
  return x;
}

std::vector<float> Encoder::encode(const PackedTexts& packed, int threads) const {
  const std::int64_t length = packed.length();
  flexc::Captures captures;
  captures.set("doc", flexc::TensorView(packed.documents.data(), flexc::i32, {length}));
  // Which tiles hold pairs of one document is the same in every layer.
  const flexc::BlockMask mask = must(attention_->block_mask({.heads = kHeads, .q_len = length, .kv_len = length}, captures));

  std::vector<float> x = embed_tokens(packed), q(x.size()), k(x.size()), v(x.size()), mixed(x.size()), projected(x.size());
  std::vector<float> inner(static_cast<std::size_t>(length * kInner));
  // A row holds all heads of a token side by side; strides say so, and nothing is transposed.
  const auto by_head = [&](std::vector<float>& rows) { return flexc::TensorView(rows.data(), flexc::f32, {1, kHeads, length, kHeadDim}, {length * kHidden, kHeadDim, kHidden, 1}); };
  const flexc::RunArguments call{.q = by_head(q), .k = by_head(k), .v = by_head(v), .out = by_head(mixed), .captures = captures, .mask = &mask, .threads = threads};
  for (const Layer& layer : layers_) {
    layer.query.apply(x.data(), q.data(), length, threads);
    layer.key.apply(x.data(), k.data(), length, threads);
    layer.value.apply(x.data(), v.data(), length, threads);
    must(attention_->run(call));
    layer.attention_output.apply(mixed.data(), projected.data(), length, threads);
    add(x, projected);
    layer.attention_norm.apply(x.data(), length);
    layer.inner.apply(x.data(), inner.data(), length, threads);
    for (float& value : inner) value = 0.5f * value * (1 + std::erf(value / std::numbers::sqrt2_v<float>));
    layer.output.apply(inner.data(), projected.data(), length, threads);
    add(x, projected);
    layer.output_norm.apply(x.data(), length);
  }

  // The mean over a text's tokens, scaled to length 1.
  std::vector<float> embeddings(static_cast<std::size_t>(packed.texts * kHidden));
  for (std::int64_t t = 0; t < length; ++t)
    for (std::int64_t i = 0; i < kHidden; ++i)
      embeddings[static_cast<std::size_t>(packed.documents[static_cast<std::size_t>(t)] * kHidden + i)] += x[static_cast<std::size_t>(t * kHidden + i)];
  for (std::int64_t text = 0; text < packed.texts; ++text) {
    float* const row = embeddings.data() + text * kHidden;
    double squares = 0;
    for (std::int64_t i = 0; i < kHidden; ++i) squares += static_cast<double>(row[i]) * row[i];
    for (std::int64_t i = 0; i < kHidden; ++i) row[i] = static_cast<float>(row[i] / std::sqrt(squares));
  }
  return embeddings;
}
