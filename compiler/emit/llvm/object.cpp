#include "compiler/emit/llvm/object.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

namespace flexc::compiler {
namespace {

constexpr const char* kTriple = "x86_64-unknown-linux-gnu";

/// Emission has already vectorised and hoisted; what is left is cleaning up. Nothing here may form a library call.
constexpr const char* kPasses = "function(early-cse,instcombine<no-verify-fixpoint>,loop-mssa(licm),early-cse,simplifycfg)";

std::unexpected<Error> internal(std::string message) { return std::unexpected(Error{ErrorKind::Internal, "CPU code generation: " + std::move(message)}); }

Result<std::unique_ptr<llvm::TargetMachine>> target_machine(CpuLevel level) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(kTriple, error);
  if (!target) return internal(error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(kTriple, level == CpuLevel::X86_64_v4 ? "x86-64-v4" : "x86-64-v3", "", options,
                                                                           llvm::Reloc::PIC_, llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
  if (!machine) return internal("no target machine for x86-64");
  return machine;
}

struct Compiled {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
};

Result<Compiled> to_llvm(mlir::ModuleOp module, CpuLevel level) {
  auto machine = target_machine(level);
  if (!machine) return std::unexpected(machine.error());
  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  module->getContext()->appendDialectRegistry(registry);
  Compiled compiled{std::make_unique<llvm::LLVMContext>(), std::move(*machine), nullptr};
  compiled.module = mlir::translateModuleToLLVMIR(module, *compiled.context, "flexc");
  if (!compiled.module) return internal("the LLVM dialect's module does not translate");
  compiled.module->setTargetTriple(kTriple);
  compiled.module->setDataLayout(compiled.machine->createDataLayout());

  llvm::PassBuilder builder(compiled.machine.get());
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::TargetLibraryInfoImpl no_library(compiled.machine->getTargetTriple());
  no_library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(no_library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(passes, kPasses)) return internal(llvm::toString(std::move(error)));
  passes.run(*compiled.module, modules);
  return compiled;
}

Result<llvm::SmallVector<char, 0>> generate(mlir::ModuleOp module, CpuLevel level, llvm::CodeGenFileType type) {
  auto compiled = to_llvm(module, level);
  if (!compiled) return std::unexpected(compiled.error());
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (compiled->machine->addPassesToEmitFile(passes, stream, nullptr, type)) return internal("this target writes no such file");
  passes.run(*compiled->module);
  return bytes;
}

}  // namespace

int vector_width(CpuLevel level) { return level == CpuLevel::X86_64_v4 ? 16 : 8; }

Result<std::string> print_llvm_ir(mlir::ModuleOp module, CpuLevel level) {
  auto compiled = to_llvm(module, level);
  if (!compiled) return std::unexpected(compiled.error());
  std::string text;
  llvm::raw_string_ostream stream(text);
  compiled->module->print(stream, nullptr);
  return text;
}

Result<std::string> print_assembly(mlir::ModuleOp module, CpuLevel level) {
  const auto bytes = generate(module, level, llvm::CodeGenFileType::AssemblyFile);
  if (!bytes) return std::unexpected(bytes.error());
  return std::string(bytes->data(), bytes->size());
}

Result<std::vector<std::byte>> compile_object(mlir::ModuleOp module, CpuLevel level) {
  const auto bytes = generate(module, level, llvm::CodeGenFileType::ObjectFile);
  if (!bytes) return std::unexpected(bytes.error());
  const auto* first = reinterpret_cast<const std::byte*>(bytes->data());
  return std::vector<std::byte>(first, first + bytes->size());
}

}  // namespace flexc::compiler
