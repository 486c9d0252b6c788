#include "compiler/host/cuda_compiler.h"

#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "compiler/host/cuda_files.h"
#include "compiler/host/cuda_payload.h"
#include "compiler/host/dump.h"
#include "compiler/host/ir_library.h"
#include "runtime/cache/file_identity.h"
#include "runtime/cuda/device_templates.h"
#include "runtime/cuda/library.h"
#include "runtime/cuda/nvrtc.h"

namespace flexc {
namespace {

/// Raised by every change to what a key holds.
constexpr int kKeySchema = 3;
constexpr std::string_view kToolchainField = "nvrtc: ";
/// Kernels that are remembered before those that nobody holds any more are forgotten.
constexpr std::size_t kSlotsBeforeSweep = 64;

std::string toolchain_line(const std::string& file) { return fmt::format("{}{}\n", kToolchainField, runtime::file_identity(file)); }

/// SHA-256 over the names and texts of all templates: a kernel includes them.
std::string hash_of_templates() {
  std::vector<std::byte> bytes;
  const auto add = [&bytes](std::string_view text) {
    const auto part = std::as_bytes(std::span(text));
    bytes.insert(bytes.end(), part.begin(), part.end());
    bytes.push_back(std::byte{0});
  };
  for (const runtime::DeviceTemplate& file : runtime::device_templates()) {
    add(file.name);
    add(file.text);
  }
  std::string digits;
  for (const std::uint8_t byte : runtime::sha256(bytes)) digits += fmt::format("{:02x}", byte);
  return digits;
}

/// Kernels in one entry: each behind its length.
template <class Code, class Members>
std::vector<std::byte> fixed_payload(const Code& code, const Members& members) {
  std::vector<std::byte> bytes;
  for (const auto member : members) {
    const std::vector<std::byte>& cubin = code.*member;
    const std::uint64_t length = cubin.size();
    const auto word = std::as_bytes(std::span(&length, 1));
    bytes.insert(bytes.end(), word.begin(), word.end());
    bytes.insert(bytes.end(), cubin.begin(), cubin.end());
  }
  return bytes;
}

/// Nothing where the bytes are no such payload; what their kernels take is checked where they are loaded.
template <class Code, class Members>
std::shared_ptr<const Code> fixed_kernels_of(std::span<const std::byte> payload, const Members& members) {
  Code code;
  for (const auto member : members) {
    std::uint64_t length = 0;
    if (payload.size() < sizeof length) return nullptr;
    std::memcpy(&length, payload.data(), sizeof length);
    payload = payload.subspan(sizeof length);
    if (length > payload.size() || !runtime::read_cubin(payload.first(length))) return nullptr;
    (code.*member).assign(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(length));
    payload = payload.subspan(length);
  }
  return payload.empty() ? std::make_shared<const Code>(std::move(code)) : nullptr;
}

std::string nvrtc_option_text() {
  std::string options;
  for (const char* option : runtime::nvrtc_options()) options += fmt::format(" {}", option);
  return options;
}

}  // namespace

std::string_view name_of(KernelOrigin origin) {
  switch (origin) {
    case KernelOrigin::Memory: return "memory";
    case KernelOrigin::Disk: return "disk";
    case KernelOrigin::Compiled: return "compiled";
  }
  return "?";
}

std::string cuda_toolchain_line() {
  const std::string file = runtime::nvrtc_file();
  return file.empty() ? "" : toolchain_line(file);
}

std::string cuda_key(const dsl::NormalForm& form, const CudaKernelRequest& request) {
  const bool is_simt = request.kernel == runtime::KernelKind::Simt;
  return fmt::format("schema: {}\nflexc: {}\n{}templates: {}\nkernel: {}\narch: {}\noptions:{}\nforms: {}\ndtype: {}\nhead dim: {}\nvalue dim: {}\nmember: {}\nnormal form:\n{}",
                     kKeySchema, version(), compiler_lines(), hash_of_templates(), is_simt ? "simt" : "hopper", architecture_of(request), nvrtc_option_text(), is_simt ? "none" : to_string(request.forms), name_of(request.dtype), tile_head_dim(request), tile_value_dim(request),
                     fmt::format("{}{}", request.member == compiler::Member::Narrow ? "narrow" : "wide", request.in_steps && !is_simt ? " in steps" : ""), form.text);
}

CudaCompiler::CudaCompiler(const EngineOptions& options, std::shared_ptr<runtime::LazyDiskCache> disk, std::shared_ptr<EngineCounters> counters)
    : options_(options), dump_directory_(dump_directory(options)), disk_(std::move(disk)), counters_(std::move(counters)) {}

std::shared_ptr<CudaCompiler::Slot> CudaCompiler::slot_of(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (slots_.size() >= kSlotsBeforeSweep) std::erase_if(slots_, [](const auto& entry) { return entry.second.use_count() == 1 && entry.second->code.expired(); });
  auto& slot = slots_[key];
  if (!slot) slot = std::make_shared<Slot>();
  return slot;
}

template <class Code, class Members, class Compile>
Result<std::shared_ptr<const Code>> CudaCompiler::fixed_kernels(std::string_view name, const Members& members, const Compile& compile) {
  const std::string key = fmt::format("schema: {}\nflexc: {}\ntemplates: {}\narch: {}\noptions:{}\n{}\n", kKeySchema, version(), hash_of_templates(),
                                      runtime::CudaProgram().architecture, nvrtc_option_text(), name);
  const std::string toolchain = options_.disk_cache ? cuda_toolchain_line() : "";
  if (options_.disk_cache) {
    std::shared_ptr<const Code> found;
    if (const auto payload = payload_on_disk(toolchain, key)) found = fixed_kernels_of<Code>(*payload, members);
    if (found) {
      ++counters_->disk_hits;
      return found;
    }
  }
  std::string file;
  auto compiled = compile(&file);
  if (!compiled) return compiled;
  ++counters_->compilations;
  if (!toolchain.empty() && toolchain == toolchain_line(file)) disk_->get().put(runtime::EntryKind::Cubin, toolchain + key, fixed_payload(**compiled, members));
  return compiled;
}

Result<std::shared_ptr<const runtime::TileKernelCode>> CudaCompiler::tile_kernels() {
  using Code = runtime::TileKernelCode;
  const std::lock_guard lock(fixed_mutex_);
  if (tile_kernels_) return tile_kernels_;
  auto code = fixed_kernels<Code>("kernels of block masks", std::array{&Code::summaries, &Code::verdicts, &Code::pairs}, runtime::compile_tile_kernels);
  if (code) tile_kernels_ = *code;
  return code;
}

Result<std::shared_ptr<const runtime::HelperKernelCode>> CudaCompiler::helper_kernels() {
  using Code = runtime::HelperKernelCode;
  const std::lock_guard lock(fixed_mutex_);
  if (helper_kernels_) return helper_kernels_;
  auto code = fixed_kernels<Code>("kernels beside attention", std::array{&Code::combine, &Code::copy}, runtime::compile_helper_kernels);
  if (code) helper_kernels_ = *code;
  return code;
}

std::optional<std::vector<std::byte>> CudaCompiler::payload_on_disk(const std::string& toolchain, const std::string& key) {
  constexpr auto kKind = runtime::EntryKind::Cubin;
  const auto is_ours = [&key](std::string_view candidate) {
    if (!candidate.starts_with(kToolchainField)) return false;
    const std::size_t line = candidate.find('\n');
    return line != std::string_view::npos && candidate.substr(line + 1) == key;
  };
  return toolchain.empty() ? disk_->get().find(kKind, is_ours) : disk_->get().get(kKind, toolchain + key);
}

std::shared_ptr<const CudaKernelCode> CudaCompiler::find_on_disk(const std::string& toolchain, const std::string& key) {
  const auto payload = payload_on_disk(toolchain, key);
  if (!payload) return nullptr;
  auto code = decode_cuda_payload(*payload);
  return code ? std::make_shared<const CudaKernelCode>(std::move(*code)) : nullptr;
}

Result<CudaKernel> CudaCompiler::kernel(const dsl::NormalForm& form, const CudaKernelRequest& request) {
  if (auto status = check_cuda_template(request); !status) return std::unexpected(status.error());
  const std::string key = cuda_key(form, request);
  const std::shared_ptr<Slot> slot = slot_of(key);
  const std::lock_guard lock(slot->making);
  if (auto code = slot->code.lock()) return CudaKernel{std::move(code), KernelOrigin::Memory};

  // A dump of nothing would not be what was asked for, and an edited text is not what the key says.
  const bool is_overridden = !override_directory().empty();
  const bool asks_disk = options_.disk_cache && dump_directory_.empty() && !is_overridden;
  const std::string toolchain = asks_disk ? cuda_toolchain_line() : "";
  if (asks_disk) {
    if (auto code = find_on_disk(toolchain, key)) {
      ++counters_->disk_hits;
      slot->code = code;
      return CudaKernel{std::move(code), KernelOrigin::Disk};
    }
  }
  auto compiled = compile_cuda_kernel(form, request);
  if (!compiled) return std::unexpected(compiled.error());
  ++counters_->compilations;
  // The NVRTC that compiled is nearly always the one that was expected; where the loader took another, the key would be wrong.
  if (asks_disk && !toolchain.empty() && toolchain == toolchain_line(compiled->nvrtc)) disk_->get().put(runtime::EntryKind::Cubin, toolchain + key, encode_cuda_payload(*compiled));
  if (auto dumped = dump_cuda_kernel(dump_directory_, form, request, *compiled); !dumped) return std::unexpected(dumped.error());
  auto code = std::make_shared<const CudaKernelCode>(std::move(*compiled));
  slot->code = code;
  return CudaKernel{std::move(code), KernelOrigin::Compiled};
}

}  // namespace flexc
