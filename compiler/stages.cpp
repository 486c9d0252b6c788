#include "compiler/stages.h"

#include "compiler/emit/cuda/emitter.h"
#include "compiler/emit/llvm/emitter.h"
#include "compiler/import/import.h"
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
  explicit Session(const dsl::NormalForm& form) : context_(registry(), mlir::MLIRContext::Threading::DISABLED) {
    context_.loadAllAvailableDialects();
    context_.getDiagEngine().registerHandler([this](mlir::Diagnostic& diagnostic) {
      llvm::raw_string_ostream stream(messages_);
      stream << diagnostic << "\n";
    });
    module_ = import_normal_form(form, context_);
  }

  Result<void> verify() {
    if (mlir::succeeded(mlir::verify(*module_))) return {};
    return failure("the imported IR does not verify");
  }

  Result<void> optimise(Target target) {
    mlir::PassManager passes(&context_);
    passes.enableVerifier(true);
    build_pipeline(passes, target);
    if (mlir::succeeded(passes.run(*module_))) return {};
    return failure("a pass failed");
  }

  Result<void> lower(CpuLevel level) {
    module_ = emit_row_module(*module_, vector_width(level));
    if (mlir::succeeded(mlir::verify(*module_))) return {};
    return failure("the emitted LLVM dialect does not verify");
  }

  mlir::ModuleOp module() { return *module_; }

  std::string text() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module_->print(stream);
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
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

Result<CpuLevel> level_or_host(std::optional<CpuLevel> level) {
  if (level) return *level;
  return detect_cpu_level();
}

/// The session with its module in the LLVM dialect.
Result<std::unique_ptr<Session>> lowered(const dsl::NormalForm& form, CpuLevel level) {
  auto session = std::make_unique<Session>(form);
  auto done = session->verify();
  if (done) done = session->optimise(Target::Cpu);
  if (done) done = session->lower(level);
  if (!done) return std::unexpected(done.error());
  return session;
}

}  // namespace

Result<std::string> emit_stage(const dsl::NormalForm& form, std::string_view stage, std::optional<CpuLevel> level) {
  if (stage == "ir" || stage == "opt") {
    Session session(form);
    if (auto done = session.verify(); !done) return std::unexpected(done.error());
    if (stage == "opt")
      if (auto done = session.optimise(Target::Cpu); !done) return std::unexpected(done.error());
    return session.text();
  }
  if (stage != "llvm" && stage != "asm") return std::unexpected(Error{ErrorKind::Usage, "unknown stage '" + std::string(stage) + "': expected ir, opt, llvm or asm"});
  const auto target = level_or_host(level);
  if (!target) return std::unexpected(target.error());
  auto session = lowered(form, *target);
  if (!session) return std::unexpected(session.error());
  return stage == "llvm" ? print_llvm_ir((*session)->module(), *target) : print_assembly((*session)->module(), *target);
}

Result<CudaHooks> emit_cuda_hooks(const dsl::NormalForm& form, const CudaHookOptions& options) {
  Session session(form);
  auto done = session.verify();
  if (done) done = session.optimise(Target::Cuda);
  if (!done) return std::unexpected(done.error());
  CudaHookOptions named = options;
  named.identity = fmt::format("{:016x}{:016x}", form.hash[0], form.hash[1]);
  return cuda::HooksEmitter(*session.module().getOps<flex::VariantOp>().begin(), named).run();
}

Result<std::vector<std::byte>> compile_row_object(const dsl::NormalForm& form, std::optional<CpuLevel> level) {
  const auto target = level_or_host(level);
  if (!target) return std::unexpected(target.error());
  auto session = lowered(form, *target);
  if (!session) return std::unexpected(session.error());
  return compile_object((*session)->module(), *target);
}

}  // namespace flexc::compiler
