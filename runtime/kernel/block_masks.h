// Block masks of a variant, whatever the device: proved from its mask_mod alone.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "flexc/kernel.h"
#include "flexc/runtime/signature.h"
#include "runtime/mask/mask_cache.h"
#include "runtime/tile/program.h"

namespace flexc {

/// Where a variant's tile program comes from: a compiler, or the bytes in a bundle.
using TileProgramSource = std::function<Result<tile::Program>()>;

/// Builds the block masks of one variant. Its tile program is asked for with the first mask. Thread-safe.
class MaskBuilder {
 public:
  /// `cache` may be null: every mask is built anew then.
  MaskBuilder(std::shared_ptr<const runtime::Signature> signature, TileProgramSource source, std::shared_ptr<runtime::MaskCache> cache)
      : signature_(std::move(signature)), source_(std::move(source)), cache_(std::move(cache)) {}

  /// Errors: impossible shapes, bindings that do not fit the variant; whatever the source says.
  Result<BlockMask> build(const MaskShape& shape, const Captures& captures, MaskReport* report) const;

  /// Whether the mask that a checked run was given, if any, belongs to it (runtime/mask/verify_mask.h).
  Result<void> verify(const RunArguments& arguments, const runtime::Environment& environment) const;

 private:
  /// A tile program, and what its masks follow from.
  struct Compiled {
    explicit Compiled(tile::Program from) : program(std::move(from)), identity(program) {}
    const tile::Program program;
    const runtime::MaskIdentity identity;
  };
  Result<const Compiled*> compiled() const;

  std::shared_ptr<const runtime::Signature> signature_;
  TileProgramSource source_;
  std::shared_ptr<runtime::MaskCache> cache_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<const Compiled> compiled_;
};

}  // namespace flexc
