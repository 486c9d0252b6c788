// A small attention call whose parts a test can spoil one at a time.
#pragma once

#include <memory>
#include <string_view>

#include "flexc/flexc.h"
#include "flexc/io.h"
#include "flexc/random.h"

namespace flexc::test {

struct Shape {
  std::int64_t batch = 2, heads = 4, kv_heads = 2, q_len = 12, kv_len = 20, head_dim = 8, value_dim = 8;
};

struct Call {
  Tensor q, k, v, out, lse;
  RunArguments arguments;

  explicit Call(const Shape& s = {}, DType dtype = f32)
      : q(dtype, {s.batch, s.heads, s.q_len, s.head_dim}), k(dtype, {s.batch, s.kv_heads, s.kv_len, s.head_dim}), v(dtype, {s.batch, s.kv_heads, s.kv_len, s.value_dim}),
        out(dtype, {s.batch, s.heads, s.q_len, s.value_dim}), lse(f32, {s.batch, s.heads, s.q_len}) {
    fill_normal(q.view(), 1, "q");
    fill_normal(k.view(), 1, "k");
    fill_normal(v.view(), 1, "v");
    arguments.q = q.view(), arguments.k = k.view(), arguments.v = v.view(), arguments.out = out.view(), arguments.lse = lse.view();
    arguments.threads = 1;
  }
};

inline Variant parsed(std::string_view text) {
  auto variant = Variant::parse(text);
  if (!variant) throw std::runtime_error(variant.error().render());
  return *variant;
}

inline std::shared_ptr<const Kernel> compiled(std::string_view text, CompileOptions options = {.head_dim = 8, .device = Device::oracle()}) {
  Engine engine;
  auto kernel = engine.compile(parsed(text), options);
  if (!kernel) throw std::runtime_error(kernel.error().error.message);
  return *kernel;
}

}  // namespace flexc::test
