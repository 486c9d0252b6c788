// What the server is asked for: attention calls of eight variants in mixed shapes, each drawn from its number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <flexc/flexc.h>
#include <flexc/io.h>

inline constexpr std::array<std::string_view, 8> kVariants = {
    "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n",
    "param window: i32\ndef mask_mod(b, h, q_idx, kv_idx):\n    return (q_idx >= kv_idx) & (q_idx - kv_idx < window)\n",
    "tensor slopes: f32[H]\ndef score_mod(score, b, h, q_idx, kv_idx):\n    return score + slopes[h] * (kv_idx - q_idx)\n",
    "param cap: f32\ndef score_mod(score, b, h, q_idx, kv_idx):\n    return cap * tanh(score / cap)\n",
    "tensor doc: i32[KV]\ndef mask_mod(b, h, q_idx, kv_idx):\n    return doc[q_idx] == doc[kv_idx]\n",
    "param prefix: i32\ndef mask_mod(b, h, q_idx, kv_idx):\n    return (kv_idx < prefix) | (q_idx >= kv_idx)\n",
    "tensor bias: f32[H, 32]\ndef score_mod(score, b, h, q_idx, kv_idx):\n    return score + bias[h, min(abs(q_idx - kv_idx), 31)]\n",
    "def score_mod(score, b, h, q_idx, kv_idx):\n    return where((q_idx - kv_idx) % (h + 2) == 0, score, -inf)\n",
};

struct Request {
  std::size_t variant = 0;
  flexc::DType dtype = flexc::f32;
  std::int64_t batch = 1, heads = 1, kv_heads = 1, q_len = 1, kv_len = 1, head_dim = 16;
  bool with_block_mask = false;
  int threads = 1;
  std::uint64_t seed = 0;

  static Request draw(std::uint64_t number);
};

/// The output and the lse of a call.
struct Answer {
  flexc::Tensor out, lse;
  bool operator==(const Answer& other) const;
};

/// Asks `engine` for the kernel, builds the block mask if it is wanted, and runs the call.
Answer serve(flexc::Engine& engine, const std::vector<flexc::Variant>& variants, const Request& request);
