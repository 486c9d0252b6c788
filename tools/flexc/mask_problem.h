// What a verb about block masks is asked: a variant, a shape, what is bound and where it stands. `mask` and `explain` have these options in common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tools/flexc/call_options.h"
#include "tools/flexc/inputs.h"

namespace flexc::cli {

struct MaskProblem {
  VariantOptions variant;
  BindingOptions bindings;
  PositionOptions positions;
  BlockOption block;
  SeedOption seed;
  std::optional<std::string> shape_text;
  MaskShape shape;  ///< after check()

  static constexpr std::string_view kShapeForm = "B,H,Q,KV[,HKV]";
  /// An empty default makes --shape required.
  void add_to(CLI::App& app, std::string_view default_shape = {});
  void check();

  /// The loaded variant; its warnings go to standard error. Names that it does not have are a Failure.
  LoadedVariant load() const;
  /// Captures from files, and those of a gallery entry where they are not given.
  BoundCaptures bind(const LoadedVariant& loaded) const;
  /// A kernel that builds masks. They do not depend on the device, and the oracle's kernel is there without compiling anything.
  std::shared_ptr<const Kernel> kernel(const LoadedVariant& loaded, const BoundCaptures& bound) const;

 private:
  std::string default_shape_;
};

}  // namespace flexc::cli
