#include "flexc/compile_bundle.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/bundle/bundle_header.h"
#include "compiler/host/cuda_compile.h"
#include "compiler/host/hopper_forms.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/tile_programs.h"
#include "compiler/host/variant_impl.h"
#include "runtime/bundle/container.h"
#include "runtime/bundle/contents.h"
#include "runtime/cache/entry.h"
#include "runtime/cuda/helper_kernels.h"
#include "runtime/cuda/member_bytes.h"
#include "runtime/nearest_name.h"
#include "templates/cpu/row_segment.h"

namespace flexc {
namespace {

using runtime::BlobIndex;
using runtime::BundledKernels;
using runtime::CpuLevel;
using runtime::Member;

std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }
std::unexpected<CompileError> wrapped(Error error) { return std::unexpected(CompileError{std::move(error), {}}); }

/// Blobs one after another; equal ones are stored once.
class BlobStore {
 public:
  BlobIndex add(std::span<const std::byte> blob) {
    std::string key(reinterpret_cast<const char*>(blob.data()), blob.size());
    const auto [found, is_new] = indices_.try_emplace(std::move(key), static_cast<BlobIndex>(sizes_.size()));
    if (is_new) {
      bytes_.insert(bytes_.end(), blob.begin(), blob.end());
      sizes_.push_back(blob.size());
    }
    return found->second;
  }
  BlobIndex add(std::string_view text) { return add(std::as_bytes(std::span(text))); }

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::vector<std::uint64_t>& sizes() const { return sizes_; }

 private:
  std::map<std::string, BlobIndex> indices_;
  std::vector<std::byte> bytes_;
  std::vector<std::uint64_t> sizes_;
};

Result<void> check_options(std::span<const BundleInput> variants, const BundleOptions& options) {
  if (!options.for_cpu && !options.for_cuda) return failed(ErrorKind::Usage, "a bundle is for the CPU, for CUDA or for both");
  if (variants.empty()) return failed(ErrorKind::Usage, "a bundle needs at least one variant");
  std::set<std::string> names;
  for (const BundleInput& input : variants) {
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'; };
    if (input.name.empty() || !std::ranges::all_of(input.name, fits)) return failed(ErrorKind::Usage, fmt::format("`{}` cannot be a variant's name in a bundle: letters, digits, _, - and . can", input.name));
    if (!names.insert(input.name).second) return failed(ErrorKind::Usage, fmt::format("two variants of the bundle are called `{}`", input.name));
  }
  if (options.dtypes.empty() || options.head_dims.empty()) return failed(ErrorKind::Usage, "a bundle needs at least one dtype and one head dim");
  for (const DType dtype : options.dtypes)
    if (dtype != f32 && dtype != f16 && dtype != bf16) return failed(ErrorKind::Usage, fmt::format("dtype {}: kernels take f32, f16 and bf16", name_of(dtype)));
  constexpr std::int64_t kMostHeadDim = 65536;
  for (const std::int64_t dim : options.head_dims)
    if (dim < 1 || dim > kMostHeadDim) return failed(ErrorKind::Usage, fmt::format("head dim {}: it must be from 1 to {}", dim, kMostHeadDim));
  for (const std::string& feature : options.features) {
    if (std::ranges::find(runtime::kBundleFeatures, feature) != runtime::kBundleFeatures.end()) continue;
    const std::string_view near = nearest_name(feature, runtime::kBundleFeatures);
    return failed(ErrorKind::Usage, fmt::format("there is no feature `{}`; {}", feature, near.empty() ? fmt::format("features are {}", fmt::join(runtime::kBundleFeatures, ", ")) : fmt::format("did you mean `{}`?", near)));
  }
  return {};
}

/// In the given order, each once.
template <class T>
std::vector<T> unique(const std::vector<T>& values) {
  std::vector<T> kept;
  for (const T& value : values)
    if (std::ranges::find(kept, value) == kept.end()) kept.push_back(value);
  return kept;
}

class BundleCompiler {
 public:
  BundleCompiler(const BundleOptions& options, std::size_t variants) : options_(options) {
    contents_.made_by = version();
    contents_.machine = "x86-64";
    contents_.row_abi = FLEXC_ROW_ABI_VERSION;
    contents_.launch_interface = runtime::launch_interface();
    contents_.for_cpu = options.for_cpu, contents_.for_cuda = options.for_cuda;
    contents_.dtypes = unique(options.dtypes);
    contents_.head_dims = unique(options.head_dims);
    contents_.features = unique(options.features);
    steps_ = static_cast<double>(variants * (1 + contents_.dtypes.size() * contents_.head_dims.size()));
  }

  Result<void> add(const BundleInput& input, const dsl::NormalForm& form) {
    BundledKernels& variant = contents_.variants.emplace_back();
    variant.name = input.name;
    variant.hash = form.hash;
    variant.has_score_mod = form.score.has_value();
    variant.has_mask_mod = form.mask.has_value();
    variant.signature = form;  // the base alone
    const auto program = tile_program_bytes(form);
    if (!program) return std::unexpected(program.error());
    variant.tile_program = blobs_.add(*program);
    if (options_.for_cpu)
      if (auto status = add_cpu(form, variant); !status) return status;
    step();
    for (const DType dtype : contents_.dtypes)
      for (const std::int64_t head_dim : contents_.head_dims) {
        if (options_.for_cuda)
          if (auto status = add_cuda(input, form, dtype, head_dim, variant); !status) return status;
        step();
      }
    return {};
  }

  Result<CompiledBundle> finish() {
    if (cubins_ > 0) {  // one of them may be asked for keys in parts, or for tensors that are copied
      const auto helpers = runtime::compile_helper_kernels();
      if (!helpers) return std::unexpected(helpers.error());
      contents_.helpers = {blobs_.add((*helpers)->combine), blobs_.add((*helpers)->copy)};
    }
    contents_.blob_bytes = blobs_.sizes();
    const std::vector<std::byte> bytes = runtime::encode_bundle(runtime::print_contents(contents_), blobs_.bytes());
    std::string digest;
    for (const std::byte byte : std::span(bytes).last(runtime::kDigestBytes)) digest += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    auto header = bundle_header(contents_, options_.file_stem, digest);
    if (!header) return std::unexpected(header.error());
    return CompiledBundle{std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), std::move(*header), std::move(warnings_), cubins_};
  }

 private:
  Result<void> add_cpu(const dsl::NormalForm& form, BundledKernels& variant) {
    const auto functions = ir_functions();
    if (!functions) return std::unexpected(functions.error());
    for (const CpuLevel level : {CpuLevel::X86_64_v3, CpuLevel::X86_64_v4})
      for (const Member member : {Member::Narrow, Member::Wide}) {
        const auto code = (*functions)->compile_row_member(form, member, level);
        if (!code) return std::unexpected(code.error());
        variant.cpu.push_back({level, member, code->manifest.assumptions, blobs_.add(code->object)});
        if (code->manifest.assumptions == runtime::kAssumesNothing) break;  // it serves every call
      }
    return {};
  }

  /// A cubin that is left out: a warning, or the end where it is required. Each reason is said once.
  Result<void> leave_out(const std::string& why) {
    if (options_.require_cuda || !options_.for_cpu) return failed(ErrorKind::Environment, why);
    if (said_.insert(why).second) warnings_.push_back(why);
    return {};
  }

  /// The Hopper kernel, where it takes dtype and head dim, and the plain one, which is its careful path.
  Result<void> add_cuda(const BundleInput& input, const dsl::NormalForm& form, DType dtype, std::int64_t head_dim, BundledKernels& variant) {
    CudaKernelRequest request;
    request.dtype = dtype, request.head_dim = head_dim, request.in_child = true, request.gallery_name = input.gallery_name;
    CudaKernelRequest simt = request;
    simt.kernel = runtime::KernelKind::Simt, simt.architecture = runtime::kSimtMachine;
    if (const auto status = check_cuda_template(simt); !status) return leave_out(fmt::format("left out: {}", status.error().message));
    const auto forms = hopper_forms_from_environment(dtype);
    if (!forms) return std::unexpected(forms.error());
    request.forms = *forms;
    if (check_cuda_template(request)) {
      const std::size_t before = variant.cuda.size();
      if (auto status = add_members(request, form, variant); !status || variant.cuda.size() == before) return status;
      if (std::ranges::find(contents_.features, runtime::kStepsFeature) != contents_.features.end()) {
        request.in_steps = true;
        if (auto status = add_members(request, form, variant); !status) return status;
      }
    }
    return add_members(simt, form, variant);
  }

  /// Both members, or the narrow one where it assumes nothing.
  Result<void> add_members(CudaKernelRequest request, const dsl::NormalForm& form, BundledKernels& variant) {
    std::vector<runtime::BundledCudaMember> members;  // both or none: a narrow one alone does not serve every call
    for (const Member member : {Member::Narrow, Member::Wide}) {
      request.member = member;
      auto code = compile_cuda_kernel(form, request);
      const bool has_cubin = code.has_value();
      if (!has_cubin) {
        if (code.error().kind != ErrorKind::Environment) return std::unexpected(code.error());
        if (auto status = leave_out(fmt::format("no cubins, only the text of CUDA kernels: {}", code.error().message)); !status) return status;
        code = emit_cuda_kernel(form, request);
        if (!code) return std::unexpected(code.error());
      }
      if (code->member.lazy_maximum && std::ranges::find(contents_.features, "max_scores") != contents_.features.end())
        return leave_out("no CUDA kernels: those with the lazy maximum (FLEXC_HOPPER_FORMS) do not have the feature max_scores");
      runtime::BundledCudaMember& bundled = members.emplace_back();
      bundled.machine = request.kernel == runtime::KernelKind::Simt ? runtime::kSimtMachine : request.in_steps ? runtime::kStepsMachine : runtime::kCubinMachine;
      bundled.dtype = request.dtype, bundled.head_dim = request.head_dim, bundled.member = member;
      bundled.launch = blobs_.add(runtime::serialize(*code));
      bundled.source = blobs_.add(code->text);
      if (has_cubin) bundled.cubin = blobs_.add(code->cubin);
      if (code->manifest.assumptions == runtime::kAssumesNothing) break;  // it serves every call
    }
    for (const runtime::BundledCudaMember& member : members) cubins_ += member.cubin.has_value();
    variant.cuda.insert(variant.cuda.end(), members.begin(), members.end());
    return {};
  }

  void step() {
    ++done_;
    if (options_.progress) options_.progress(static_cast<double>(done_) / steps_);
  }

  const BundleOptions& options_;
  runtime::BundleContents contents_;
  BlobStore blobs_;
  std::vector<std::string> warnings_;
  std::set<std::string> said_;
  std::size_t cubins_ = 0;
  double steps_ = 1;
  std::size_t done_ = 0;
};

}  // namespace

std::expected<CompiledBundle, CompileError> compile_bundle(std::span<const BundleInput> variants, const BundleOptions& options) {
  if (auto status = check_options(variants, options); !status) return wrapped(std::move(status.error()));
  BundleCompiler compiler(options, variants.size());
  for (const BundleInput& input : variants) {
    const Variant::Impl& impl = input.variant.impl();
    if (!impl.form) {
      std::string names;
      for (const Variant::Capture& capture : impl.captures)
        if (!capture.declared) names += fmt::format("{}`{}`", names.empty() ? "" : ", ", capture.name);
      return wrapped({ErrorKind::Input, fmt::format("variant `{}`: ahead of time every capture has to be declared, and {} is not; say what it is, as in `tensor NAME: f32[H]`", input.name, names)});
    }
    if (auto status = compiler.add(input, *impl.form); !status) {
      status.error().message = fmt::format("variant `{}`: {}", input.name, status.error().message);
      return wrapped(std::move(status.error()));
    }
  }
  auto bundle = compiler.finish();
  if (!bundle) return wrapped(std::move(bundle.error()));
  return std::move(*bundle);
}

}  // namespace flexc
