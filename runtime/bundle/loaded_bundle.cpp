#include "runtime/bundle/loaded_bundle.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "runtime/bundle/container.h"
#include "runtime/cache/files.h"
#include "runtime/io/text.h"
#include "runtime/kernel/cpu_kernel.h"
#include "runtime/loader/row_object.h"
#include "runtime/nearest_name.h"
#include "runtime/tile/program.h"

namespace flexc {
namespace {

using runtime::BundledKernels;
using runtime::CpuLevel;
using runtime::Member;

std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

constexpr std::string_view kMachine = "x86-64";
/// What a bundle may weigh: bounds what is allocated for a file that is not one.
constexpr std::uint64_t kMaxBundleBytes = runtime::kBundleHeaderBytes + runtime::kMaxTableBytes + runtime::kMaxBlobBytes + 32;

std::string list_of(const std::vector<DType>& dtypes) {
  std::string list;
  for (const DType dtype : dtypes) list += fmt::format("{}{}", list.empty() ? "" : ", ", name_of(dtype));
  return list;
}

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
  for (const runtime::BundledCudaKernel& kernel : variant.cuda)
    if (kernel.has_cubin) described.cubins.push_back(fmt::format("{} {} {}", kernel.machine, name_of(kernel.dtype), kernel.head_dim));
  return described;
}

/// The variant's code for one member: that of `level`, or of the level below it.
const runtime::BundledCpuMember* find_member(const BundledKernels& variant, CpuLevel level, Member member) {
  const runtime::BundledCpuMember* best = nullptr;
  for (const runtime::BundledCpuMember& each : variant.cpu)
    if (each.member == member && each.level <= level && (!best || best->level < each.level)) best = &each;
  return best;
}

/// What can be wrong in a bundle whose bytes are as they were written: it was made for other hosts.
std::optional<std::string> foreign(const runtime::BundleContents& contents) {
  if (contents.machine != kMachine) return fmt::format("its CPU kernels are for {} only, and this flexc runs on {}", io::in_quotes(contents.machine), kMachine);
  if (contents.row_abi != FLEXC_ROW_ABI_VERSION)
    return fmt::format("it was made by flexc {}, whose CPU kernels have interface {}; this one takes {}; compile it again with this version", io::in_quotes(contents.made_by), contents.row_abi,
                       FLEXC_ROW_ABI_VERSION);
  return std::nullopt;
}

/// Nothing where every blob is what the table says it is.
std::optional<std::string> check_blobs(const Bundle::Impl& bundle) {
  for (const BundledKernels& variant : bundle.contents.variants) {
    const auto program = tile::deserialize(bundle.blob(variant.tile_program));
    if (!program) return fmt::format("the tile program of {}: {}", io::in_quotes(variant.name), program.error().message);
    const runtime::Signature& signature = variant.signature;
    bool fits = program->captures.size() == signature.captures.size() && program->params == signature.params.size() && program->fresh_dims == signature.fresh_dims.size();
    for (std::size_t i = 0; fits && i < signature.captures.size(); ++i)
      fits = program->captures[i] == tile::CaptureType{signature.captures[i].dtype, static_cast<std::uint32_t>(signature.captures[i].dims.size())};
    if (!fits) return fmt::format("the tile program of {} reads other captures and params than the variant has", io::in_quotes(variant.name));
    if (!find_member(variant, CpuLevel::X86_64_v3, Member::Narrow)) return fmt::format("{} has no CPU code for {}", io::in_quotes(variant.name), name_of(CpuLevel::X86_64_v3));
    for (const runtime::BundledCpuMember& member : variant.cpu) {
      if (const auto object = runtime::RowObject::load(bundle.blob(member.object)); !object) return fmt::format("the CPU code of {}: {}", io::in_quotes(variant.name), object.error().message);
      const bool covered = member.assumptions == runtime::kAssumesNothing || std::ranges::any_of(variant.cpu, [&](const auto& other) { return other.level == member.level && other.member == Member::Wide; });
      if (!covered) return fmt::format("{} has no CPU code for calls beyond what its narrow member assumes", io::in_quotes(variant.name));
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::shared_ptr<const Kernel>> Bundle::Impl::cpu_kernel(const BundledKernels& variant, const KernelRequest& request, CpuLevel level) const {
  const auto self = shared_from_this();
  CpuKernelParts parts;
  parts.signature = std::shared_ptr<const runtime::Signature>(self, &variant.signature);
  parts.options.dtype = request.dtype, parts.options.head_dim = request.head_dim, parts.options.value_dim = request.value_dim;
  parts.members = [self, &variant, level](Member member) -> Result<runtime::RowMember> {
    const runtime::BundledCpuMember* const found = find_member(variant, level, member);
    if (!found) return failed(ErrorKind::Internal, "the bundle has no such member");
    const auto object = self->blob(found->object);
    return runtime::RowMember{{object.begin(), object.end()}, {found->assumptions}};
  };
  parts.tile_program = [self, &variant] { return tile::deserialize(self->blob(variant.tile_program)); };
  parts.masks = masks;
  return make_cpu_kernel(std::move(parts));
}

Result<std::shared_ptr<const Kernel>> Bundle::Impl::kernel(std::string_view name, const KernelRequest& request) const {
  const auto variant = std::ranges::find(contents.variants, name, &BundledKernels::name);
  if (variant == contents.variants.end()) {
    std::vector<std::string_view> names;
    for (const BundledKernels& each : contents.variants) names.push_back(each.name);
    const std::string_view near = nearest_name(name, names);
    return failed(ErrorKind::Input, fmt::format("the bundle has no variant {}; {}", io::in_quotes(name),
                                                near.empty() ? fmt::format("its variants are {}", fmt::join(names, ", ")) : fmt::format("did you mean '{}'?", near)));
  }
  const auto has = [](const auto& list, const auto& value) { return std::ranges::find(list, value) != list.end(); };
  if (!has(contents.dtypes, request.dtype))
    return failed(ErrorKind::Input, fmt::format("the bundle was compiled for {}, not for {}", list_of(contents.dtypes), name_of(request.dtype)));
  if (!has(contents.head_dims, request.head_dim))
    return failed(ErrorKind::Input, fmt::format("the bundle was compiled for the head dims {}, not for {}", fmt::join(contents.head_dims, ", "), request.head_dim));
  if (request.value_dim < 0) return failed(ErrorKind::Input, fmt::format("value_dim {}: it must be at least 1, or 0 for as head_dim", request.value_dim));
  for (const std::string& feature : request.features) {
    if (has(contents.features, feature)) continue;
    const std::vector<std::string_view> known(runtime::kBundleFeatures.begin(), runtime::kBundleFeatures.end());
    if (!has(known, feature)) return failed(ErrorKind::Input, fmt::format("there is no feature {}; features are {}", io::in_quotes(feature), fmt::join(known, ", ")));
    return failed(ErrorKind::Input, fmt::format("the bundle was compiled without the feature {}; `flexc compile --features` names them", feature));
  }
  switch (request.device.kind) {
    case Device::Kind::Auto:
    case Device::Kind::Cpu: break;
    case Device::Kind::Cuda: return failed(ErrorKind::Environment, "device cuda: this build launches no cubins of bundles; use device cpu");
    case Device::Kind::Model:
    case Device::Kind::Oracle: return failed(ErrorKind::Usage, fmt::format("device {}: bundles have kernels for cpu and cuda; it needs flexc::flexc and the variant's text", flexc::name_of(request.device)));
  }
  const auto level = runtime::detect_cpu_level();
  if (!level) return std::unexpected(level.error());
  const Key key{static_cast<std::size_t>(variant - contents.variants.begin()), request.dtype, request.head_dim, request.value_dim ? request.value_dim : request.head_dim};
  const std::lock_guard lock(mutex_);
  if (const auto found = kernels_.find(key); found != kernels_.end()) return found->second;
  auto made = cpu_kernel(*variant, request, *level);
  if (made) kernels_.emplace(key, *made);
  return made;
}

const std::vector<BundledVariant>& Bundle::variants() const { return impl_->described; }
const std::vector<DType>& Bundle::dtypes() const { return impl_->contents.dtypes; }
const std::vector<std::int64_t>& Bundle::head_dims() const { return impl_->contents.head_dims; }
const std::vector<std::string>& Bundle::features() const { return impl_->contents.features; }
const std::string& Bundle::made_by() const { return impl_->contents.made_by; }
Result<std::shared_ptr<const Kernel>> Bundle::kernel(std::string_view variant, const KernelRequest& request) const { return impl_->kernel(variant, request); }

Result<Bundle> load_bundle_bytes(std::vector<std::byte> bytes, const std::string& name, std::shared_ptr<runtime::MaskCache> masks) {
  const auto refuse = [&](const Error& why) { return failed(why.kind, fmt::format("bundle {}: {}", io::in_quotes(name, 4096), why.message)); };
  auto impl = std::make_shared<Bundle::Impl>();
  impl->masks = std::move(masks);
  impl->bytes = std::move(bytes);
  const auto parts = runtime::decode_bundle(impl->bytes);
  if (!parts) return refuse(parts.error());
  impl->blobs = parts->blobs;
  auto contents = runtime::parse_contents(parts->table, parts->blobs.size());
  if (!contents) return refuse(contents.error());
  impl->contents = std::move(*contents);
  if (const auto problem = foreign(impl->contents)) return refuse({ErrorKind::Input, *problem});
  std::uint64_t begin = 0;
  for (const std::uint64_t size : impl->contents.blob_bytes) {
    impl->blob_begin.push_back(begin);
    begin += size;
  }
  if (const auto problem = check_blobs(*impl)) return refuse({ErrorKind::Input, *problem});
  for (const BundledKernels& variant : impl->contents.variants) impl->described.push_back(describe(variant));
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
