#include "requests.h"

#include <cstring>

#include <flexc/random.h>

#include "must.h"

namespace {

/// A capture of each name that a variant may read.
struct CaptureValues {
  std::vector<float> slopes, bias;
  std::vector<std::int32_t> documents;

  explicit CaptureValues(const Request& request) {
    const flexc::CounterRandom random(request.seed, "captures");
    for (std::int64_t h = 0; h < request.heads; ++h) slopes.push_back(static_cast<float>(random.uniform(static_cast<std::uint64_t>(h))));
    for (std::int64_t i = 0; i < request.heads * 32; ++i) bias.push_back(static_cast<float>(random.normal(static_cast<std::uint64_t>(1000 + i))));
    std::int32_t document = 0;
    for (std::int64_t i = 0; i < request.kv_len; ++i) {
      if (random.below(static_cast<std::uint64_t>(100000 + i), 10) == 0) ++document;
      documents.push_back(document);
    }
  }

  flexc::Captures for_variant(std::size_t variant, const Request& request) const {
    flexc::Captures captures;
    if (variant == 1) captures.set_param("window", static_cast<int>(1 + request.seed % 40));
    if (variant == 2) captures.set("slopes", flexc::TensorView(slopes.data(), flexc::f32, {request.heads}));
    if (variant == 3) captures.set_param("cap", 5.0 + static_cast<double>(request.seed % 7));
    if (variant == 4) captures.set("doc", flexc::TensorView(documents.data(), flexc::i32, {request.kv_len}));
    if (variant == 5) captures.set_param("prefix", static_cast<int>(request.seed % 30));
    if (variant == 6) captures.set("bias", flexc::TensorView(bias.data(), flexc::f32, {request.heads, 32}));
    return captures;
  }
};

}  // namespace

Request Request::draw(std::uint64_t number) {
  const flexc::CounterRandom random(2026, "request");
  std::uint64_t next = number * 16;
  const auto below = [&](std::uint64_t bound) { return static_cast<std::int64_t>(random.below(next++, bound)); };
  Request request;
  request.seed = number;
  request.variant = static_cast<std::size_t>(below(kVariants.size()));
  request.dtype = below(3) == 0 ? flexc::bf16 : flexc::f32;
  request.batch = 1 + below(2);
  request.kv_heads = 1 + below(2);
  request.heads = request.kv_heads * (1 + below(2));
  request.q_len = 1 + below(80);
  request.kv_len = request.q_len + below(64);
  request.head_dim = below(2) == 0 ? 16 : 40;
  request.with_block_mask = below(2) == 0;
  request.threads = below(8) == 0 ? 2 : 1;
  return request;
}

bool Answer::operator==(const Answer& other) const {
  const auto same = [](const flexc::Tensor& a, const flexc::Tensor& b) {
    return a.view().shape == b.view().shape && std::memcmp(a.as<std::byte>(), b.as<std::byte>(), a.byte_count()) == 0;
  };
  return same(out, other.out) && same(lse, other.lse);
}

Answer serve(flexc::Engine& engine, const std::vector<flexc::Variant>& variants, const Request& request) {
  const auto kernel = must(engine.compile(variants[request.variant], {.dtype = request.dtype, .head_dim = request.head_dim, .device = flexc::Device::cpu()}));
  const CaptureValues values(request);
  const flexc::Captures captures = values.for_variant(request.variant, request);
  const auto drawn = [&](const char* name, std::vector<std::int64_t> shape) {
    const flexc::Tensor tensor(request.dtype, std::move(shape));
    flexc::fill_normal(tensor.view(), request.seed, name);
    return tensor;
  };
  const flexc::Tensor q = drawn("q", {request.batch, request.heads, request.q_len, request.head_dim}), k = drawn("k", {request.batch, request.kv_heads, request.kv_len, request.head_dim}),
                      v = drawn("v", {request.batch, request.kv_heads, request.kv_len, request.head_dim});
  // The queries are the last ones, as in a server that keeps what came before.
  const std::int64_t q_offset = request.kv_len - request.q_len;
  std::optional<flexc::BlockMask> mask;
  if (request.with_block_mask)
    mask = must(kernel->block_mask({.batch = request.batch, .heads = request.heads, .q_len = request.q_len, .kv_len = request.kv_len, .kv_heads = request.kv_heads,
                                    .q_offset = q_offset, .block_q = 16, .block_kv = 16}, captures));
  Answer answer{flexc::Tensor(request.dtype, q.view().shape), flexc::Tensor(flexc::f32, {request.batch, request.heads, request.q_len})};
  must(kernel->run({.q = q.view(), .k = k.view(), .v = v.view(), .out = answer.out.view(), .lse = answer.lse.view(), .captures = captures,
                    .mask = mask ? &*mask : nullptr, .q_offset = q_offset, .threads = request.threads}));
  return answer;
}
