// all-MiniLM-L6-v2, a BERT encoder that turns texts into unit vectors. Attention is flexc's; the rest is written out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <flexc/flexc.h>
#include <flexc/io.h>

#include "matrix.h"

/// Several texts in one sequence: what every layer but attention need not know of.
struct PackedTexts {
  std::vector<std::int32_t> tokens, positions, documents;  ///< [length]
  std::int64_t texts = 0;

  static PackedTexts pack(std::span<const std::vector<std::int32_t>> texts);
  std::int64_t length() const { return static_cast<std::int64_t>(tokens.size()); }
};

class Encoder {
 public:
  static constexpr std::int64_t kHidden = 384, kHeads = 12, kHeadDim = 32, kInner = 1536, kLayers = 6;

  /// Reads `model_file`, a safetensors file with BERT's names, and compiles `variant`, which may read the capture `doc`: i32[KV].
  Encoder(const std::string& model_file, flexc::Engine& engine, const flexc::Variant& variant);

  /// One embedding a text, [texts][kHidden], each of length 1.
  std::vector<float> encode(const PackedTexts& packed, int threads) const;

 private:
  struct Norm {
    flexc::Tensor weight, bias;
    /// Of each row of x [rows][kHidden], in place.
    void apply(float* x, std::int64_t rows) const;
  };
  struct Layer {
    Linear query, key, value, attention_output, inner, output;
    Norm attention_norm, output_norm;
  };

  flexc::Tensor load(const std::string& name, const std::vector<std::int64_t>& shape) const;
  Linear linear(const std::string& name, std::int64_t outputs, std::int64_t inputs) const;
  Norm norm(const std::string& name) const;
  std::vector<float> embed_tokens(const PackedTexts& packed) const;

  std::string file_;
  flexc::Tensor words_, places_, kinds_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  std::shared_ptr<const flexc::Kernel> attention_;
};
