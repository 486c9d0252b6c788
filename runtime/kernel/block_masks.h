// Block masks of a variant, whatever the device: proved from its mask_mod alone.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "flexc/kernel.h"
#include "flexc/runtime/signature.h"
#include "runtime/tile/program.h"

namespace flexc {

/// Where a variant's tile program comes from: a compiler, or the bytes in a bundle.
using TileProgramSource = std::function<Result<tile::Program>()>;

/// Builds the block masks of one variant. Its tile program is asked for with the first mask. Thread-safe.
class MaskBuilder {
 public:
  MaskBuilder(std::shared_ptr<const runtime::Signature> signature, TileProgramSource source) : signature_(std::move(signature)), source_(std::move(source)) {}

  /// Errors: impossible shapes, bindings that do not fit the variant; whatever the source says.
  Result<BlockMask> build(const MaskShape& shape, const Captures& captures, MaskReport* report) const;

 private:
  Result<const tile::Program*> program() const;

  std::shared_ptr<const runtime::Signature> signature_;
  TileProgramSource source_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<const tile::Program> program_;
};

}  // namespace flexc
