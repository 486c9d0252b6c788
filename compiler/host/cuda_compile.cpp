#include "compiler/host/cuda_compile.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/host/ir_library.h"
#include "runtime/cuda/child.h"
#include "runtime/cuda/nvrtc.h"

namespace flexc {
namespace {

Result<void> check_template(const EmitOptions& options) {
  if (options.dtype != bf16 && options.dtype != f16)
    return std::unexpected(Error{ErrorKind::Environment, fmt::format("CUDA kernels of dtype {}: this build has templates for bf16 and f16", name_of(options.dtype))});
  if (options.head_dim != 64 && options.head_dim != 128 && options.head_dim != 256)
    return std::unexpected(Error{ErrorKind::Environment, fmt::format("CUDA kernels of head dim {}: this build has templates for 64, 128 and 256", options.head_dim)});
  return {};
}

compiler::CudaHookOptions hook_options(const EmitOptions& options, compiler::Member member) {
  compiler::CudaHookOptions hooks;
  hooks.gallery_name = options.gallery_name;
  hooks.member = member;
  return hooks;
}

// What comes back from the child: the three parts, each behind its length.
void append(std::string& message, const void* data, std::uint64_t size) {
  message.append(reinterpret_cast<const char*>(&size), sizeof size);
  message.append(static_cast<const char*>(data), size);
}

std::optional<std::string> take(std::string_view& message) {
  std::uint64_t size = 0;
  if (message.size() < sizeof size) return std::nullopt;
  std::copy_n(message.data(), sizeof size, reinterpret_cast<char*>(&size));
  message.remove_prefix(sizeof size);
  if (message.size() < size) return std::nullopt;
  std::string part(message.substr(0, size));
  message.remove_prefix(size);
  return part;
}

Result<std::string> packed_binary(const runtime::CudaProgram& program) {
  const auto nvrtc = runtime::Nvrtc::open();
  if (!nvrtc) return std::unexpected(nvrtc.error());
  const auto binary = nvrtc->compile(program);
  if (!binary) return std::unexpected(binary.error());
  std::string message;
  append(message, binary->ptx.data(), binary->ptx.size());
  append(message, binary->cubin.data(), binary->cubin.size());
  append(message, binary->log.data(), binary->log.size());
  return message;
}

Result<runtime::CudaBinary> compile_program(const runtime::CudaProgram& program, bool in_child) {
  if (!in_child) {
    const auto nvrtc = runtime::Nvrtc::open();
    if (!nvrtc) return std::unexpected(nvrtc.error());
    return nvrtc->compile(program);
  }
  const auto message = runtime::run_in_child("NVRTC", [&] { return packed_binary(program); });
  if (!message) return std::unexpected(message.error());
  std::string_view left = *message;
  auto ptx = take(left), cubin = take(left), log = take(left);
  if (!ptx || !cubin || !log) return std::unexpected(Error{ErrorKind::Internal, "NVRTC in a child process gave an answer that is cut off"});
  runtime::CudaBinary binary{std::move(*ptx), {}, std::move(*log)};
  const auto* bytes = reinterpret_cast<const std::byte*>(cubin->data());
  binary.cubin.assign(bytes, bytes + cubin->size());
  return binary;
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

Result<CudaKernelCode> emit_cuda_kernel(const dsl::NormalForm& form, const EmitOptions& options, compiler::Member member) {
  if (auto status = check_template(options); !status) return std::unexpected(status.error());
  const auto functions = ir_functions();
  if (!functions) return std::unexpected(functions.error());
  auto kernels = (*functions)->emit_cuda_kernels(form, hook_options(options, member), options.dtype, static_cast<unsigned>(options.head_dim));
  if (!kernels) return std::unexpected(kernels.error());
  CudaKernelCode code;
  code.manifest = kernels->hooks.manifest;
  code.text = std::move(kernels->sources.front().text);
  code.member = std::move(kernels->sources.front().member);
  return code;
}

Result<CudaKernelCode> compile_cuda_kernel(const dsl::NormalForm& form, const EmitOptions& options, compiler::Member member) {
  if (auto status = check_template(options); !status) return std::unexpected(status.error());
  const auto functions = ir_functions();
  if (!functions) return std::unexpected(functions.error());
  auto kernels = (*functions)->emit_cuda_kernels(form, hook_options(options, member), options.dtype, static_cast<unsigned>(options.head_dim));
  if (!kernels) return std::unexpected(kernels.error());
  std::optional<CudaKernelCode> best;
  for (compiler::cuda::HopperSource& source : kernels->sources) {
    auto binary = compile_program({"flexc_kernel.cu", source.text}, options.in_child);
    if (!binary) return std::unexpected(binary.error());
    auto report = runtime::read_cubin(binary->cubin);
    if (!report) return std::unexpected(report.error());
    const unsigned spills = std::max(runtime::spill_bytes_in(binary->log), report->stack_bytes);
    if (best && best->spill_bytes <= spills) continue;
    best = CudaKernelCode{{}, std::move(source.text), std::move(binary->ptx), std::move(binary->log), std::move(binary->cubin), std::move(*report), spills, std::move(source.member)};
    if (spills == 0) break;
  }
  if (!best) return std::unexpected(Error{ErrorKind::Internal, "no tile for this variant"});
  best->manifest = kernels->hooks.manifest;
  return std::move(*best);
}

}  // namespace flexc
