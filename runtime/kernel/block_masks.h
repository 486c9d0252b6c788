// Block masks of a variant, whatever the device: proved from its mask_mod alone.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "flexc/kernel.h"
#include "flexc/runtime/signature.h"
#include "runtime/mask/mask_cache.h"
#include "runtime/tile/program.h"
#include "runtime/tile/tile_device.h"

namespace flexc {

/// Where a variant's tile program comes from: a compiler, or the bytes in a bundle.
using TileProgramSource = std::function<Result<tile::Program>()>;

/// A device for one build, where captures are in its memory.
using TileDeviceSource = std::function<Result<std::unique_ptr<tile::TileDevice>>()>;

/// Builds the block masks of one variant. Its tile program is asked for with the first mask. Thread-safe.
class MaskBuilder {
 public:
  /// `cache` may be null: every mask is built anew then.
  MaskBuilder(std::shared_ptr<const runtime::Signature> signature, TileProgramSource source, std::shared_ptr<runtime::MaskCache> cache)
      : signature_(std::move(signature)), source_(std::move(source)), cache_(std::move(cache)) {}

  /// Captures are in host memory, or all in a GPU's: then `device` reads them, and they stay there. Such a mask is built anew with each call, since
  /// finding an equal one would need their elements, and has no origin. Errors: impossible shapes, bindings that do not fit the variant;
  /// whatever the sources say.
  Result<BlockMask> build(const MaskShape& shape, const Captures& captures, MaskReport* report, const TileDeviceSource& device = {}) const;

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
