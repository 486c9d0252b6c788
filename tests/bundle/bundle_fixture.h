// Bundles that tests compile for themselves, and calls of a kernel whose outputs are kept.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "flexc/compile_bundle.h"
#include "flexc/flexc.h"
#include "flexc/gallery.h"
#include "flexc/io.h"
#include "flexc/random.h"

namespace flexc::test {

inline Variant variant_of(std::string_view text) {
  auto variant = Variant::parse(text);
  if (!variant) throw std::runtime_error(variant.error().render());
  return *variant;
}

inline CompiledBundle bundle_of(const std::vector<BundleInput>& inputs, const BundleOptions& options) {
  auto bundle = compile_bundle(inputs, options);
  if (!bundle) throw std::runtime_error(bundle.error().error.message);
  return std::move(*bundle);
}

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

/// The captures that the gallery makes for a shape, kept alive.
struct GalleryCaptures {
  std::vector<std::shared_ptr<Tensor>> tensors;
  Captures captures;

  GalleryCaptures(const GalleryEntry& entry, const Variant& variant, const GalleryProblem& problem) {
    for (const Variant::Capture& capture : variant.captures()) {
      auto made = make_capture(entry.name, capture.name, capture.dims, problem, 7);
      if (!made) throw std::runtime_error("no maker for " + std::string(entry.name) + "." + capture.name);
      tensors.push_back(std::make_shared<Tensor>(std::move(*made)));
      captures.set(capture.name, tensors.back()->view());
    }
  }
};

/// One call with random q, k and v, and what came out.
struct Outputs {
  Tensor q, k, v, out, lse;

  Outputs(const Kernel& kernel, const GalleryProblem& shape, std::int64_t head_dim, DType dtype, const Captures& captures, const BlockMask* mask = nullptr)
      : q(dtype, {shape.batch, shape.heads, shape.q_total, head_dim}), k(dtype, {shape.batch, shape.kv_heads, shape.kv_total, head_dim}), v(dtype, {shape.batch, shape.kv_heads, shape.kv_total, head_dim}),
        out(dtype, {shape.batch, shape.heads, shape.q_total, head_dim}), lse(f32, {shape.batch, shape.heads, shape.q_total}) {
    fill_normal(q.view(), 3, "q");
    fill_normal(k.view(), 3, "k");
    fill_normal(v.view(), 3, "v");
    RunArguments arguments;
    arguments.q = q.view(), arguments.k = k.view(), arguments.v = v.view(), arguments.out = out.view(), arguments.lse = lse.view();
    arguments.captures = captures;
    arguments.mask = mask;
    arguments.threads = 1;
    if (auto status = kernel.run(arguments); !status) throw std::runtime_error(status.error().message);
  }
  bool operator==(const Outputs& other) const {
    const auto same = [](const Tensor& a, const Tensor& b) {
      return a.view().shape == b.view().shape && std::memcmp(a.view().data, b.view().data, static_cast<std::size_t>(a.view().element_count()) * size_of(a.view().dtype)) == 0;
    };
    return same(out, other.out) && same(lse, other.lse);
  }
};

}  // namespace flexc::test
