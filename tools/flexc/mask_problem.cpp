#include "tools/flexc/mask_problem.h"

#include <algorithm>

#include <fmt/format.h>

#include "tools/flexc/failure.h"

namespace flexc::cli {

void MaskProblem::add_to(CLI::App& app, std::string_view default_shape) {
  default_shape_ = default_shape;
  variant.add_to(app);
  const std::string otherwise = default_shape.empty() ? "" : fmt::format("; default {}", default_shape);
  const auto add = default_shape.empty() ? add_required_text : add_text;
  add(app, "--shape", shape_text, std::string(kShapeForm), fmt::format("Batch, heads, queries, keys, key heads (default: as heads){}", otherwise));
  bindings.add_to(app);
  positions.add_to(app);
  block.add_to(app);
  seed.add_to(app, "Seed of a gallery entry's own captures (default 0)");
}

void MaskProblem::check() {
  variant.check();
  bindings.check();
  positions.check();
  block.check();
  seed.check();
  const std::string text = shape_text.value_or(default_shape_);
  const std::vector<std::int64_t> extents = parse_integers("--shape", text, kShapeForm, 4, 5);
  for (const std::int64_t extent : extents)
    if (extent < 0) usage_error(fmt::format("--shape {}: {} is negative", text, extent));
  shape.batch = extents[0], shape.heads = extents[1], shape.q_len = extents[2], shape.kv_len = extents[3];
  shape.kv_heads = extents.size() == 5 ? extents[4] : extents[1];
  positions.set(shape);
  shape.block_q = block.q, shape.block_kv = block.kv;
  std::int64_t ignored = 0;
  const auto check_fits = [&](std::string_view side, const PositionMap& map, std::int64_t length) {
    if (map.fits(length, &ignored)) return;
    if (map.step == 1) usage_error("--shape: a length and its offset do not fit in 64 bits together");
    usage_error(fmt::format("--{}-step {}: {} positions from {} on do not fit in 64 bits", side, map.step, length, map.offset));
  };
  check_fits("q", positions.q, shape.q_len);
  check_fits("kv", positions.kv, shape.kv_len);
  for (const auto& [extent, name] : {std::pair(shape.batch, "B"), std::pair(shape.heads, "H"), std::pair(shape.kv_heads, "HKV")})
    if (extent < 1) input_error(fmt::format("--shape {}: {} is {}; it must be at least 1", text, name, extent));
}

LoadedVariant MaskProblem::load() const { return load_variant(variant, bindings); }

BoundCaptures MaskProblem::bind(const LoadedVariant& loaded) const {
  const auto total = [](const PositionMap& of, std::int64_t length) {
    std::int64_t end = 0;
    of.fits(length, &end);  // check() has refused what does not
    return std::max<std::int64_t>(0, end);
  };
  const GalleryProblem problem{shape.batch, shape.heads, shape.kv_heads, total(positions.q, shape.q_len), total(positions.kv, shape.kv_len), variant.consts};
  return bind_captures(loaded, bindings, &problem, seed.value);
}

std::shared_ptr<const Kernel> MaskProblem::kernel(const LoadedVariant& loaded, const BoundCaptures& bound) const {
  CompileOptions options;
  options.device = Device::oracle();
  options.captures = bound.types;
  return compile(loaded.variant, options);
}

}  // namespace flexc::cli
