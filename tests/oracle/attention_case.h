// One attention call with its own memory, and the same call by another route: long double, straight from the definition.
#pragma once

#include <functional>
#include <random>

#include "tests/oracle/body_builder.h"

namespace oracle_test {

struct Sizes {
  std::int64_t batch = 1, heads = 1, kv_heads = 1, q_len = 1, kv_len = 1, head_dim = 4, value_dim = 4, kv_batch = 0;
};

struct AttentionCase {
  Sizes sizes;
  std::vector<float> q, k, v;
  std::vector<double> out, lse, top;
  std::vector<float> sink;
  NormalForm form;
  Environment environment;
  AttentionCall call;

  explicit AttentionCase(Sizes s, unsigned seed = 1) : sizes(s) {
    if (sizes.kv_batch == 0) sizes.kv_batch = sizes.batch;
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    const auto fill = [&](std::vector<float>& data, std::int64_t count) {
      data.resize(static_cast<std::size_t>(count));
      for (float& x : data) x = normal(random);
    };
    fill(q, s.batch * s.heads * s.q_len * s.head_dim);
    fill(k, sizes.kv_batch * s.kv_heads * s.kv_len * s.head_dim);
    fill(v, sizes.kv_batch * s.kv_heads * s.kv_len * s.value_dim);
    call.scale = 0.5;
  }

  float& q_at(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) {
    return q[static_cast<std::size_t>(((b * sizes.heads + h) * sizes.q_len + row) * sizes.head_dim + i)];
  }
  float& k_at(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) {
    return k[static_cast<std::size_t>((((sizes.kv_batch == 1 ? 0 : b) * sizes.kv_heads + h) * sizes.kv_len + row) * sizes.head_dim + i)];
  }
  float& v_at(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) {
    return v[static_cast<std::size_t>((((sizes.kv_batch == 1 ? 0 : b) * sizes.kv_heads + h) * sizes.kv_len + row) * sizes.value_dim + i)];
  }
  double out_at(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) const {
    return out[static_cast<std::size_t>(((b * sizes.heads + h) * sizes.q_len + row) * sizes.value_dim + i)];
  }
  std::size_t row_at(std::int64_t b, std::int64_t h, std::int64_t row) const { return static_cast<std::size_t>((b * sizes.heads + h) * sizes.q_len + row); }

  Result<void> run() {
    const Sizes& s = sizes;
    out.assign(static_cast<std::size_t>(s.batch * s.heads * s.q_len * s.value_dim), 77);
    lse.assign(static_cast<std::size_t>(s.batch * s.heads * s.q_len), 77);
    top = lse;
    call.q = {q.data(), f32, {s.batch, s.heads, s.q_len, s.head_dim}};
    call.k = {k.data(), f32, {s.kv_batch, s.kv_heads, s.kv_len, s.head_dim}};
    call.v = {v.data(), f32, {s.kv_batch, s.kv_heads, s.kv_len, s.value_dim}};
    call.out = {out.data(), f64, {s.batch, s.heads, s.q_len, s.value_dim}};
    call.lse = {lse.data(), f64, {s.batch, s.heads, s.q_len}};
    call.max_scores = {top.data(), f64, {s.batch, s.heads, s.q_len}};
    if (!sink.empty()) call.sink = {sink.data(), f32, {s.heads}};
    environment.problem = {s.batch, s.heads, s.kv_heads, call.q_offset + call.q_step * (s.q_len - 1) + 1, call.kv_offset + call.kv_step * (s.kv_len - 1) + 1};
    return evaluate_attention(form, environment, call);
  }

  using Mask = std::function<bool(std::int64_t, std::int64_t, std::int64_t, std::int64_t)>;
  using Score = std::function<long double(long double, std::int64_t, std::int64_t, std::int64_t, std::int64_t)>;

  struct Expected {
    std::vector<long double> out, lse, top;
  };
  /// By definition: weights exp(s) without any shift (scores are small here), one division at the end.
  Expected expected(const Mask& mask, const Score& score) {
    Expected result;
    const std::int64_t group = sizes.heads / sizes.kv_heads;
    for (std::int64_t b = 0; b < sizes.batch; ++b)
      for (std::int64_t h = 0; h < sizes.heads; ++h)
        for (std::int64_t row = 0; row < sizes.q_len; ++row) {
          long double total = sink.empty() ? 0.0L : std::exp(static_cast<long double>(sink[static_cast<std::size_t>(h)])), top_score = -std::numeric_limits<long double>::infinity();
          std::vector<long double> sums(static_cast<std::size_t>(sizes.value_dim), 0.0L);
          for (std::int64_t column = 0; column < sizes.kv_len; ++column) {
            const std::int64_t q_idx = call.q_offset + call.q_step * row, kv_idx = call.kv_offset + call.kv_step * column;
            if (!mask(b, h, q_idx, kv_idx)) continue;
            long double s = 0;
            for (std::int64_t i = 0; i < sizes.head_dim; ++i) s += static_cast<long double>(q_at(b, h, row, i)) * static_cast<long double>(k_at(b, h / group, column, i));
            s = score(s * static_cast<long double>(call.scale), b, h, q_idx, kv_idx);
            top_score = std::max(top_score, s);
            total += std::exp(s);
            for (std::int64_t i = 0; i < sizes.value_dim; ++i) sums[static_cast<std::size_t>(i)] += std::exp(s) * static_cast<long double>(v_at(b, h / group, column, i));
          }
          for (long double sum : sums) result.out.push_back(total == 0 ? 0.0L : sum / total);
          result.lse.push_back(std::log(total));
          result.top.push_back(top_score);
        }
    return result;
  }
};

}  // namespace oracle_test
