// A variant bound to everything that its mods read, for pointwise tests.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "flexc/dsl/evaluate.h"
#include "flexc/gallery.h"
#include "flexc/io.h"

namespace flexc {

struct BoundVariant {
  dsl::NormalForm form;
  dsl::Environment environment;
  std::vector<Tensor> tensors;
  std::vector<std::int64_t> fresh;

  /// Captures as the gallery makes them, params at their defaults.
  void bind_gallery(std::string_view entry) {
    const dsl::Problem& p = environment.problem;
    const GalleryProblem problem{p.batch, p.heads, p.kv_heads, p.q_total, p.kv_total, {}};
    for (const dsl::CaptureInfo& info : form.captures) {
      std::vector<std::string> dims;
      for (const dsl::Dim& dim : info.dims) dims.push_back(dim_name(dim));
      auto tensor = make_capture(entry, info.name, dims, problem, 7);
      REQUIRE(tensor.has_value());
      tensors.push_back(*tensor);
      environment.captures.push_back(tensors.back().view());
    }
    for (const dsl::ParamInfo& info : form.params) {
      const bool is_real = info.type == DType::F32;
      environment.params.push_back({is_real ? 0 : info.default_integer.value_or(16), is_real ? info.default_float.value_or(1.5f) : 0.0f});
    }
  }

  void bind_sizes() {
    const auto bound = dsl::bind_dims(form, environment);
    INFO((bound ? std::string() : bound.error().message));
    REQUIRE(bound.has_value());
    fresh = *bound;
  }

 private:
  std::string dim_name(const dsl::Dim& dim) const {
    if (dim.kind == dsl::Dim::Kind::Constant) return std::to_string(dim.value);
    if (dim.kind == dsl::Dim::Kind::Symbol) return std::string(dsl::kSymbolNames[static_cast<std::size_t>(dim.value)]);
    return form.fresh_dims[static_cast<std::size_t>(dim.value)];
  }
};

}  // namespace flexc
