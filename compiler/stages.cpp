#include "compiler/stages.h"

#include "compiler/emit/cuda/emitter.h"
#include "compiler/emit/cuda/module_facts.h"
#include "compiler/emit/cuda/simt_source.h"
#include "compiler/emit/cuda/tiles.h"
#include "compiler/emit/llvm/emitter.h"
#include "compiler/emit/tile_program/tile_program.h"
#include "compiler/import/import.h"
#include "compiler/passes/ranges.h"
#include "compiler/pipeline.h"
#include <fmt/format.h>
#include "llvm/Support/raw_ostream.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"

namespace flexc::compiler {
namespace {

/// A module, and what it lives in. Messages of MLIR about our own IR are internal errors, and are kept.
class Session {
 public:
  explicit Session(const dsl::NormalForm& form, Member member = Member::Wide) : context_(registry(), mlir::MLIRContext::Threading::DISABLED) {
    context_.loadAllAvailableDialects();
    context_.getDiagEngine().registerHandler([this](mlir::Diagnostic& diagnostic) {
      llvm::raw_string_ostream stream(messages_);
      stream << diagnostic << "\n";
    });
    module_ = import_normal_form(form, context_, member == Member::Narrow);
  }

  Result<void> verify() {
    if (mlir::succeeded(mlir::verify(*module_))) return {};
    return failure("the imported IR does not verify");
  }

  Result<tile::Program> tile_program() {
    mlir::PassManager passes(&context_);
    build_tile_pipeline(passes);
    if (!mlir::succeeded(passes.run(*module_))) return failure("a pass failed");
    return emit_tile_program(*module_);
  }

  using Pipeline = void (*)(mlir::OpPassManager&);

  Result<void> run(Pipeline pipeline) {
    mlir::PassManager passes(&context_);
    passes.enableVerifier(true);
    pipeline(passes);
    if (mlir::succeeded(passes.run(*module_))) return {};
    return failure("a pass failed");
  }

  Result<void> lower(CpuLevel level) {
    manifest_ = {};
    for (flex::VariantOp variant : module_->getOps<flex::VariantOp>()) manifest_.assumptions |= assumptions_of(variant);
    module_ = emit_row_module(*module_, vector_width(level));
    if (mlir::succeeded(mlir::verify(*module_))) return {};
    return failure("the emitted LLVM dialect does not verify");
  }

  mlir::ModuleOp module() { return *module_; }
  /// Of what was lowered.
  const Manifest& manifest() const { return manifest_; }

  std::string text(bool locations) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    mlir::OpPrintingFlags flags;
    if (locations) flags.enableDebugInfo(true, /*prettyForm=*/false);
    module_->print(stream, flags);
    stream << "\n";
    return text;
  }

 private:
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry dialects;
    register_dialects(dialects);
    return dialects;
  }

  std::unexpected<Error> failure(std::string what) {
    return std::unexpected(Error{ErrorKind::Internal, "compiler: " + what + ": " + messages_ + "reproduce with `flexc emit --stage ir`, then `flexc-opt --flexc-pipeline`"});
  }

  std::string messages_;
  Manifest manifest_;
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

Result<CpuLevel> level_or_host(std::optional<CpuLevel> level) {
  if (level) return *level;
  return runtime::detect_cpu_level();
}

/// The session with its module in the LLVM dialect.
Result<std::unique_ptr<Session>> lowered(const dsl::NormalForm& form, Member member, CpuLevel level, Session::Pipeline pipeline = build_pipeline) {
  auto session = std::make_unique<Session>(form, member);
  auto done = session->verify();
  if (done) done = session->run(pipeline);
  if (done) done = session->lower(level);
  if (!done) return std::unexpected(done.error());
  return session;
}

/// Makes them what templates/hopper/stepped.cuh makes of the mods. A narrow member then assumes something of positions, whatever its mods read.
void read_in_steps(CudaHooks& hooks, Member member) {
  if (member == Member::Narrow) hooks.manifest.assumptions |= kAssumesPositions;
  hooks.in_steps = true;
  hooks.relative_words = 0;
  hooks.params.push_back({HookWords::Kind::Steps, 0, runtime::kStepWords});
  hooks.param_words += runtime::kStepWords;
}

}  // namespace

Result<std::string> emit_stage(const dsl::NormalForm& form, std::string_view stage, std::optional<CpuLevel> level, Member member, bool locations) {
  if (stage == "ir" || stage == "opt") {
    Session session(form, member);
    if (auto done = session.verify(); !done) return std::unexpected(done.error());
    if (stage == "opt")
      if (auto done = session.run(build_pipeline); !done) return std::unexpected(done.error());
    return session.text(locations);
  }
  if (stage == "tile") {
    Session session(form, Member::Wide);
    if (auto done = session.verify(); !done) return std::unexpected(done.error());
    const auto program = session.tile_program();
    if (!program) return std::unexpected(program.error());
    return tile::print(*program);
  }
  if (stage != "llvm" && stage != "asm") return std::unexpected(Error{ErrorKind::Usage, "unknown stage '" + std::string(stage) + "': expected ir, opt, tile, llvm or asm"});
  const auto target = level_or_host(level);
  if (!target) return std::unexpected(target.error());
  auto session = lowered(form, member, *target);
  if (!session) return std::unexpected(session.error());
  return stage == "llvm" ? print_llvm_ir((*session)->module(), *target) : print_assembly((*session)->module(), *target);
}

Result<std::vector<std::byte>> compile_tile_program(const dsl::NormalForm& form) {
  Session session(form, Member::Wide);
  if (auto done = session.verify(); !done) return std::unexpected(done.error());
  const auto program = session.tile_program();
  if (!program) return std::unexpected(program.error());
  return tile::serialize(*program);
}

Result<CudaHooks> emit_cuda_hooks(const dsl::NormalForm& form, const CudaHookOptions& options) {
  Session session(form, options.member);
  auto done = session.verify();
  if (done) done = session.run(build_cuda_pipeline);
  if (!done) return std::unexpected(done.error());
  CudaHookOptions named = options;
  named.identity = fmt::format("{:016x}{:016x}", form.hash[0], form.hash[1]);
  flex::VariantOp variant = *session.module().getOps<flex::VariantOp>().begin();
  auto hooks = cuda::HooksEmitter(variant, named).run();
  if (hooks) hooks->manifest.assumptions = assumptions_of(variant);
  return hooks;
}

Result<KernelFacts> cuda_kernel_facts(const dsl::NormalForm& form) {
  Session session(form, Member::Narrow);
  auto done = session.verify();
  if (done) done = session.run(build_cuda_pipeline);
  if (!done) return std::unexpected(done.error());
  return cuda::facts_of(*session.module().getOps<flex::VariantOp>().begin());
}

Result<CudaKernels> emit_cuda_kernels(const dsl::NormalForm& form, const CudaHookOptions& options, DType dtype, unsigned head_dim, unsigned value_dim) {
  CudaKernels kernels;
  auto hooks = emit_cuda_hooks(form, options);
  if (!hooks) return std::unexpected(hooks.error());
  kernels.hooks = std::move(*hooks);
  if (options.kernel == runtime::KernelKind::Simt) {
    const auto element = dtype == DType::BF16 ? device::Element::kBf16 : dtype == DType::F16 ? device::Element::kF16 : device::Element::kF32;
    auto source = cuda::simt_source(kernels.hooks, element, value_dim);
    if (!source) return std::unexpected(source.error());
    kernels.sources.push_back(std::move(*source));
    return kernels;
  }
  if (options.in_steps) read_in_steps(kernels.hooks, options.member);
  if (dtype == DType::BF16 || dtype == DType::F16) {
    const auto element = dtype == DType::BF16 ? device::Element::kBf16 : device::Element::kF16;
    const HopperForms& forms = options.forms;
    std::string rungs;
    for (const cuda::GemmShape& tile : cuda::tile_ladder(kernels.hooks, element, head_dim, value_dim, forms)) {
      if (!cuda::fits_shared_memory(kernels.hooks, tile)) continue;
      rungs += fmt::format(" {}x{}", tile.m, tile.n);
      if (forms.tile_m == 0 || (tile.m == forms.tile_m && tile.n == forms.tile_n)) kernels.sources.push_back(cuda::hopper_source(kernels.hooks, tile, forms));
    }
    if (kernels.sources.empty() && !rungs.empty())
      return std::unexpected(Error{ErrorKind::Usage, fmt::format("a tile of {}x{} is asked for; this variant has, for dtype {} and head dim {}:{}", forms.tile_m, forms.tile_n, name_of(dtype), head_dim, rungs)});
  }
  if (kernels.sources.empty()) return std::unexpected(Error{ErrorKind::Usage, fmt::format("no tile for dtype {} and head dim {}", name_of(dtype), head_dim)});
  return kernels;
}

Result<RowMember> compile_row_member(const dsl::NormalForm& form, Member member, std::optional<CpuLevel> level) {
  const auto target = level_or_host(level);
  if (!target) return std::unexpected(target.error());
  auto session = lowered(form, member, *target);
  if (!session) return std::unexpected(session.error());
  auto object = compile_object((*session)->module(), *target);
  if (!object) return std::unexpected(object.error());
  return RowMember{std::move(*object), (*session)->manifest()};
}

Result<std::vector<std::byte>> compile_row_object(const dsl::NormalForm& form, std::optional<CpuLevel> level) {
  auto member = compile_row_member(form, Member::Wide, level);
  if (!member) return std::unexpected(member.error());
  return std::move(member->object);
}

Result<std::vector<std::byte>> compile_plain_row_object(const dsl::NormalForm& form, std::optional<CpuLevel> level) {
  const auto target = level_or_host(level);
  if (!target) return std::unexpected(target.error());
  auto session = lowered(form, Member::Wide, *target, build_plain_pipeline);
  if (!session) return std::unexpected(session.error());
  return compile_object((*session)->module(), *target);
}

}  // namespace flexc::compiler
