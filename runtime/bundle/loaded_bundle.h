// A bundle in memory: verified bytes, what they hold, and the kernels that were asked for.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "flexc/bundle.h"
#include "runtime/bundle/contents.h"
#include "runtime/mask/mask_cache.h"

namespace flexc {

/// What was read. Kernels share it, so that the bytes live as long as any of them; it knows of no kernel, which would never go then.
struct BundleData {
  std::vector<std::byte> bytes;
  std::span<const std::byte> blobs;  ///< of bytes
  std::vector<std::uint64_t> blob_begin;
  runtime::BundleContents contents;

  std::span<const std::byte> blob(runtime::BlobIndex index) const { return blobs.subspan(blob_begin[index], contents.blob_bytes[index]); }
};

/// Thread-safe.
struct Bundle::Impl {
  std::shared_ptr<const BundleData> data;
  std::vector<BundledVariant> described;
  std::shared_ptr<runtime::MaskCache> masks;  ///< the engine's, or null

  Result<std::shared_ptr<const Kernel>> kernel(std::string_view variant, const KernelRequest& request) const;
  /// The CPU's kernel from the objects of `level`, for this machine or, in tests, for an older one.
  Result<std::shared_ptr<const Kernel>> cpu_kernel(const runtime::BundledKernels& variant, const KernelRequest& request, runtime::CpuLevel level) const;
  /// The GPU's, from the cubins. Input where the bundle has none for this request.
  Result<std::shared_ptr<const Kernel>> cuda_kernel(const runtime::BundledKernels& variant, const KernelRequest& request) const;

 private:
  /// Equal requests share a kernel. `device` is cpu or cuda.
  Result<std::shared_ptr<const Kernel>> get_or_make(const runtime::BundledKernels& variant, const KernelRequest& request, Device::Kind device) const;
  /// Whether automatic may be CUDA. The machine is asked once.
  bool has_gpu() const;

  using Key = std::tuple<std::size_t, Device::Kind, DType, std::int64_t, std::int64_t>;  ///< variant, device, dtype, head dim, value dim
  mutable std::once_flag asked_for_gpu_;
  mutable bool gpu_found_ = false;
  mutable std::mutex mutex_;
  mutable std::map<Key, std::shared_ptr<const Kernel>> kernels_;
};

/// The variant's code for one member: that of `level`, or of the level below it. Null where there is none.
const runtime::BundledCpuMember* find_cpu_member(const runtime::BundledKernels& variant, runtime::CpuLevel level, runtime::Member member);

/// The only way to make a Bundle, and to see what it holds.
struct BundleAccess {
  static Bundle make(std::shared_ptr<const Bundle::Impl> impl) { return Bundle(std::move(impl)); }
  static const Bundle::Impl& impl(const Bundle& bundle) { return *bundle.impl_; }
};

/// Verifies everything that needs no kernel to be asked for: digest, table, the objects, cubins and tile programs of every variant. `name` is for messages.
Result<Bundle> load_bundle_bytes(std::vector<std::byte> bytes, const std::string& name, std::shared_ptr<runtime::MaskCache> masks = nullptr);
/// The same from a file, which is read whole.
Result<Bundle> load_bundle_file(const std::string& path, std::shared_ptr<runtime::MaskCache> masks = nullptr);

}  // namespace flexc
