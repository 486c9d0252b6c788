// What a Variant holds, for the engine.
#pragma once

#include <memory>
#include <optional>

#include "dsl/elaborate/elaborate.h"
#include "dsl/syntax/ast.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"

namespace flexc {

struct Variant::Impl {
  std::unique_ptr<const dsl::Program> program;
  dsl::ElaborateOptions elaboration;         ///< the replaced consts; no capture types
  std::optional<dsl::NormalForm> form;       ///< nothing while captures have no type
  std::string bound_names;                   ///< of `form`: see bound_names()
  std::vector<Variant::Capture> captures;
  std::vector<Variant::Param> params;
  bool has_score_mod = false, has_mask_mod = false;
  Diagnostics warnings;
};

/// Names, types and defaults of captures and params, as text: what the normal form's hash does not cover.
std::string bound_names(const dsl::NormalForm& form);

/// The only way to make a Variant, and to share what it holds.
struct VariantAccess {
  static Variant make(std::shared_ptr<const Variant::Impl> impl) { return Variant(std::move(impl)); }
  static const std::shared_ptr<const Variant::Impl>& share(const Variant& variant) { return variant.impl_; }
};

}  // namespace flexc
