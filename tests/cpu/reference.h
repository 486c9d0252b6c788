// Attention by its definition, in f64, written for these tests alone: neither the kernel nor the oracle shares a line with it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace flexc::cpu_test {

struct Shape {
  std::int64_t batch = 1, heads = 1, kv_heads = 1, q_len = 1, kv_len = 1, head_dim = 16, value_dim = 16;
  std::int64_t k_batch = 0, v_batch = 0;  ///< 0: as q
  std::int64_t q_offset = 0, kv_offset = 0;
};

using ScoreFunction = std::function<double(double s, std::int64_t b, std::int64_t h, std::int64_t q, std::int64_t kv)>;
using MaskFunction = std::function<bool(std::int64_t b, std::int64_t h, std::int64_t q, std::int64_t kv)>;

/// Dense row-major f64 tensors.
struct ReferenceInput {
  Shape shape;
  std::vector<double> q, k, v;
  std::optional<std::vector<double>> sink;
  double scale = 1;
  ScoreFunction score;  ///< empty: identity
  MaskFunction mask;    ///< empty: all kept
};

struct ReferenceOutput {
  std::vector<double> out, lse, max_scores;
  double largest_score = 0;  ///< max |s| over kept pairs with finite s
};

ReferenceOutput reference_attention(const ReferenceInput& input);

}  // namespace flexc::cpu_test
