#include "compiler/host/cuda_compile.h"

#include <fmt/format.h>

#include "compiler/host/cuda_files.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/nvrtc_worker.h"
#include "runtime/kernel/hopper_call.h"
#include "templates/hopper/tile.h"

namespace flexc {
namespace {

Result<compiler::CudaKernels> emit_ladder(const dsl::NormalForm& form, const CudaKernelRequest& request) {
  const auto functions = ir_functions();
  if (!functions) return std::unexpected(functions.error());
  compiler::CudaHookOptions options;
  options.gallery_name = request.gallery_name;
  options.member = request.member;
  options.forms = request.forms;
  options.kernel = request.kernel;
  options.in_steps = request.in_steps;
  return (*functions)->emit_cuda_kernels(form, options, request.dtype, tile_head_dim(request), tile_value_dim(request));
}

/// An edited text takes the ladder's place. Which tile it is for, its own comment says.
Result<void> replace_ladder(compiler::CudaKernels& ladder, std::string text) {
  for (compiler::cuda::HopperSource& source : ladder.sources) {
    const auto& tile = source.member.tile;
    if (text.find(source.member.kernel == runtime::KernelKind::Simt ? compiler::cuda::simt_comment(tile) : compiler::cuda::tile_comment(tile)) == std::string::npos) continue;
    source.text = std::move(text);
    ladder.sources = {source};
    return {};
  }
  return std::unexpected(Error{ErrorKind::Input, "the file that FLEXC_OVERRIDE puts in place of a kernel has no comment `// The tile: …` of a tile that the variant may have"});
}

}  // namespace

std::string architecture_of(const CudaKernelRequest& request) {
  if (!request.architecture.empty()) return request.architecture;
  return request.kernel == runtime::KernelKind::Simt ? kSimtArchitecture : runtime::CudaProgram().architecture;
}

unsigned tile_head_dim(const CudaKernelRequest& request) {
  if (request.kernel == runtime::KernelKind::Simt) return 0;
  return device::whole_panels(static_cast<unsigned>(request.head_dim));
}

unsigned tile_value_dim(const CudaKernelRequest& request) {
  return device::whole_panels(static_cast<unsigned>(request.value_dim != 0 ? request.value_dim : request.head_dim));
}

Result<void> check_cuda_template(const CudaKernelRequest& request) {
  if (request.kernel == runtime::KernelKind::Simt) {
    auto status = check_simt_options("CUDA kernels", {.dtype = request.dtype, .head_dim = request.head_dim, .value_dim = request.value_dim});
    if (!status) status.error().kind = ErrorKind::Environment;
    return status;
  }
  if (request.dtype != bf16 && request.dtype != f16)
    return std::unexpected(Error{ErrorKind::Environment, fmt::format("CUDA kernels of dtype {}: this build has templates for bf16 and f16", name_of(request.dtype))});
  for (const std::int64_t dim : {request.head_dim, request.value_dim != 0 ? request.value_dim : request.head_dim})
    if (dim < 1 || dim > kMostHopperHeadDim)
      return std::unexpected(Error{ErrorKind::Environment, fmt::format("CUDA kernels of head dim {}: this build has templates for 1 to {}", dim, kMostHopperHeadDim)});
  return {};
}

Result<CudaKernelCode> emit_cuda_kernel(const dsl::NormalForm& form, const CudaKernelRequest& request) {
  if (auto status = check_cuda_template(request); !status) return std::unexpected(status.error());
  auto ladder = emit_ladder(form, request);
  if (!ladder) return std::unexpected(ladder.error());
  CudaKernelCode code;
  code.manifest = ladder->hooks.manifest;
  code.member = std::move(ladder->sources.front().member);
  code.text = std::move(ladder->sources.front().text);
  return code;
}

Result<CudaKernelCode> compile_cuda_kernel(const dsl::NormalForm& form, const CudaKernelRequest& request) {
  if (auto status = check_cuda_template(request); !status) return std::unexpected(status.error());
  auto edited = overriding_text(form, request);
  if (!edited) return std::unexpected(edited.error());
  auto worker = NvrtcWorker::start(request.in_child);
  if (!worker) return std::unexpected(worker.error());
  auto ladder = emit_ladder(form, request);
  if (!ladder) return std::unexpected(ladder.error());
  if (*edited)
    if (auto status = replace_ladder(*ladder, std::move(**edited)); !status) return std::unexpected(status.error());
  std::vector<std::string> texts;
  for (const compiler::cuda::HopperSource& source : ladder->sources) texts.push_back(source.text);
  auto compiled = worker->compile(texts, architecture_of(request));
  if (!compiled) return std::unexpected(compiled.error());

  const compiler::cuda::HopperSource& source = ladder->sources[compiled->step];
  CudaKernelCode code;
  code.manifest = ladder->hooks.manifest;
  code.member = source.member;
  code.text = source.text;
  code.ptx = std::move(compiled->binary.ptx);
  code.log = std::move(compiled->binary.log);
  code.cubin = std::move(compiled->binary.cubin);
  code.report = std::move(compiled->report);
  code.spill_bytes = compiled->spill_bytes;
  code.nvrtc = std::move(compiled->nvrtc);
  return code;
}

}  // namespace flexc
