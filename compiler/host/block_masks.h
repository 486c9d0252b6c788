// Block masks of a variant, whatever the device: proved from its mask_mod alone.
#pragma once

#include <memory>
#include <mutex>

#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"
#include "runtime/tile/program.h"

namespace flexc {

/// Builds the block masks of one variant. Its tile program is compiled when the first mask is asked for. Thread-safe.
class MaskBuilder {
 public:
  explicit MaskBuilder(std::shared_ptr<const dsl::NormalForm> form) : form_(std::move(form)) {}

  /// Errors: impossible shapes, bindings that do not fit the variant; Environment where the compiler library is missing.
  Result<BlockMask> build(const MaskShape& shape, const Captures& captures, MaskReport* report) const;

 private:
  Result<const tile::Program*> program() const;

  std::shared_ptr<const dsl::NormalForm> form_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<const tile::Program> program_;
};

}  // namespace flexc
