#include "runtime/bundle/loaded_bundle.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "runtime/bundle/check_blobs.h"
#include "runtime/bundle/container.h"
#include "runtime/cache/files.h"
#include "runtime/io/text.h"
#include "templates/cpu/row_segment.h"

namespace flexc {
namespace {

using runtime::BundledKernels;

std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

constexpr std::string_view kMachine = "x86-64";
/// What a bundle may weigh: bounds what is allocated for a file that is not one.
constexpr std::uint64_t kMaxBundleBytes = runtime::kBundleHeaderBytes + runtime::kMaxTableBytes + runtime::kMaxBlobBytes + 32;

std::string dim_text(const runtime::Signature& signature, const runtime::Dim& dim) {
  switch (dim.kind) {
    case runtime::Dim::Kind::Constant: return std::to_string(dim.value);
    case runtime::Dim::Kind::Symbol: return std::string(runtime::kSymbolNames[static_cast<std::size_t>(dim.value)]);
    case runtime::Dim::Kind::Fresh: return signature.fresh_dims[static_cast<std::size_t>(dim.value)];
  }
  return {};
}

BundledVariant describe(const BundledKernels& variant) {
  BundledVariant described;
  described.name = variant.name;
  for (const runtime::CaptureInfo& info : variant.signature.captures) {
    BundledVariant::Capture& capture = described.captures.emplace_back();
    capture.name = info.name, capture.dtype = info.dtype, capture.used = info.used;
    for (const runtime::Dim& dim : info.dims) capture.dims.push_back(dim_text(variant.signature, dim));
  }
  for (const runtime::ParamInfo& info : variant.signature.params)
    described.params.push_back({info.name, info.type, info.default_integer.has_value() || info.default_float.has_value()});
  for (const runtime::BundledCudaMember& member : variant.cuda)
    if (member.cubin && member.member == runtime::Member::Narrow) described.cubins.push_back(fmt::format("{} {} {}", member.machine, name_of(member.dtype), member.head_dim));
  return described;
}

/// What can be wrong in a bundle whose bytes are as they were written: it was made for other hosts.
std::optional<std::string> foreign(const runtime::BundleContents& contents) {
  if (contents.for_cpu && contents.machine != kMachine) return fmt::format("its CPU kernels are for {} only, and this flexc runs on {}", io::in_quotes(contents.machine), kMachine);
  if (contents.for_cpu && contents.row_abi != FLEXC_ROW_ABI_VERSION)
    return fmt::format("it was made by flexc {}, whose CPU kernels have interface {}; this one takes {}; compile it again with this version", io::in_quotes(contents.made_by), contents.row_abi,
                       FLEXC_ROW_ABI_VERSION);
  const bool has_cuda = std::ranges::any_of(contents.variants, [](const BundledKernels& variant) { return !variant.cuda.empty(); });
  if (has_cuda && contents.launch_interface != runtime::launch_interface())
    return fmt::format("it was made by flexc {}, whose CUDA kernels are launched in another way ({}; here it is {}); compile it again with this version", io::in_quotes(contents.made_by),
                       io::in_quotes(contents.launch_interface), runtime::launch_interface());
  return std::nullopt;
}

}  // namespace

const std::vector<BundledVariant>& Bundle::variants() const { return impl_->described; }
const std::vector<DType>& Bundle::dtypes() const { return impl_->data->contents.dtypes; }
const std::vector<std::int64_t>& Bundle::head_dims() const { return impl_->data->contents.head_dims; }
const std::vector<std::string>& Bundle::features() const { return impl_->data->contents.features; }
const std::string& Bundle::made_by() const { return impl_->data->contents.made_by; }
Result<std::shared_ptr<const Kernel>> Bundle::kernel(std::string_view variant, const KernelRequest& request) const { return impl_->kernel(variant, request); }

Result<Bundle> load_bundle_bytes(std::vector<std::byte> bytes, const std::string& name, std::shared_ptr<runtime::MaskCache> masks) {
  const auto refuse = [&](const Error& why) { return failed(why.kind, fmt::format("bundle {}: {}", io::in_quotes(name, 4096), why.message)); };
  auto data = std::make_shared<BundleData>();
  data->bytes = std::move(bytes);
  const auto parts = runtime::decode_bundle(data->bytes);
  if (!parts) return refuse(parts.error());
  data->blobs = parts->blobs;
  auto contents = runtime::parse_contents(parts->table, parts->blobs.size());
  if (!contents) return refuse(contents.error());
  data->contents = std::move(*contents);
  if (const auto problem = foreign(data->contents)) return refuse({ErrorKind::Input, *problem});
  std::uint64_t begin = 0;
  for (const std::uint64_t size : data->contents.blob_bytes) {
    data->blob_begin.push_back(begin);
    begin += size;
  }
  if (const auto problem = check_blobs(*data)) return refuse({ErrorKind::Input, *problem});
  auto impl = std::make_shared<Bundle::Impl>();
  for (const BundledKernels& variant : data->contents.variants) impl->described.push_back(describe(variant));
  impl->data = std::move(data);
  impl->masks = std::move(masks);
  return BundleAccess::make(std::move(impl));
}

Result<Bundle> load_bundle_file(const std::string& path, std::shared_ptr<runtime::MaskCache> masks) {
  const auto unreadable = [&](int cause) {
    const bool of_path = cause == ENOENT || cause == ENOTDIR || cause == EISDIR || cause == ELOOP || cause == ENAMETOOLONG;
    return failed(of_path ? ErrorKind::Input : ErrorKind::Environment, fmt::format("cannot read bundle {}: {}", io::in_quotes(path, 4096), std::generic_category().message(cause)));
  };
  if (path.find('\0') != std::string::npos) return unreadable(ENOENT);
  // A FIFO would be waited for without O_NONBLOCK.
  const runtime::Descriptor file = runtime::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK);
  if (!file) return unreadable(errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return unreadable(errno);
  if (S_ISDIR(status.st_mode)) return unreadable(EISDIR);
  if (!S_ISREG(status.st_mode)) return failed(ErrorKind::Input, fmt::format("bundle {}: it is no regular file", io::in_quotes(path, 4096)));
  if (static_cast<std::uint64_t>(status.st_size) > kMaxBundleBytes) return failed(ErrorKind::Input, fmt::format("bundle {}: it has {} bytes, more than any bundle", io::in_quotes(path, 4096), status.st_size));
  std::vector<std::byte> bytes;
  try {
    bytes.resize(static_cast<std::size_t>(status.st_size));
  } catch (const std::bad_alloc&) {
    return failed(ErrorKind::Environment, fmt::format("cannot read bundle {}: there is not enough memory for its {} bytes", io::in_quotes(path, 4096), status.st_size));
  }
  if (const int error = runtime::read_all(file.number(), bytes); error != 0) return unreadable(error);
  return load_bundle_bytes(std::move(bytes), path, std::move(masks));
}

}  // namespace flexc
