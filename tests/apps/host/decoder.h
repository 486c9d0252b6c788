// A small decoder with random weights: ALiBi inside a sliding window, grouped heads, a cache of keys and values that grows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <flexc/kernel.h>

inline constexpr std::int64_t kHidden = 64, kHeads = 4, kKvHeads = 2, kHeadDim = 16, kInner = 128, kLayers = 3, kVocabulary = 97;
inline constexpr std::int64_t kCapacity = 320;  ///< tokens that the cache has room for
inline constexpr int kWindow = 100;
inline constexpr double kNormEpsilon = 1e-6;
/// Slope of a head's distance penalty.
inline constexpr float kSlopes[kHeads] = {0.5f, 0.25f, 0.125f, 0.0625f};

/// Matrices [outputs][inputs], drawn from a documented generator: equal on every machine.
struct DecoderWeights {
  struct Layer {
    std::vector<float> query, key, value, output, inner, outer;
  };
  std::vector<float> tokens;  ///< [kVocabulary][kHidden], the last matrix too
  std::vector<Layer> layers;

  static DecoderWeights draw(std::uint64_t seed);
};

/// The decoder over flexc. All of its own memory is taken by the constructor.
class Decoder {
 public:
  Decoder(const DecoderWeights& weights, int threads);

  /// Goes on by `tokens`, and returns the logits after the last of them. `q_offset` is where the first stands: the length so far, but
  /// for a test that wants to be wrong.
  const std::vector<float>& advance(const flexc::Kernel& attention, std::span<const std::int32_t> tokens, std::int64_t q_offset);
  std::int64_t length() const { return length_; }

 private:
  void attend(const flexc::Kernel& attention, std::size_t layer, std::int64_t count, std::int64_t q_offset);

  const DecoderWeights& weights_;
  int threads_;
  std::int64_t length_ = 0;
  std::vector<float> keys_, values_;  ///< [layer][kv head][kCapacity][kHeadDim]
  std::vector<float> x_, normed_, q_, k_, v_, mixed_, inner_, logits_;
};

/// The logits after the last of `tokens`, in float64 and from the formulas alone: no cache, no flexc.
std::vector<double> reference_logits(const DecoderWeights& weights, std::span<const std::int32_t> tokens);
