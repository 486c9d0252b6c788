#include "compiler/host/cuda_stages.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/variant_impl.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/parse.h"
#include "dsl/syntax/resolve.h"
#include "flexc/explain.h"

namespace flexc {
namespace {

/// A capture's dimension as Variant::captures() shows it.
std::string dim_text(const dsl::NormalForm& form, const dsl::Dim& dim) {
  switch (dim.kind) {
    case dsl::Dim::Kind::Constant: return std::to_string(dim.value);
    case dsl::Dim::Kind::Symbol: return std::string(dsl::kSymbolNames[static_cast<std::size_t>(dim.value)]);
    case dsl::Dim::Kind::Fresh: return form.fresh_dims[static_cast<std::size_t>(dim.value)];
  }
  return {};
}

std::vector<Variant::Capture> captures_of(const dsl::NormalForm& form) {
  std::vector<Variant::Capture> captures;
  for (const dsl::CaptureInfo& info : form.captures) {
    Variant::Capture& capture = captures.emplace_back();
    capture.name = info.name;
    capture.dtype = info.dtype;
    capture.used = info.used;
    for (const dsl::Dim& dim : info.dims) capture.dims.push_back(dim_text(form, dim));
  }
  return captures;
}

std::vector<Variant::Param> params_of(const dsl::NormalForm& form) {
  std::vector<Variant::Param> params;
  for (const dsl::ParamInfo& info : form.params)
    params.push_back({info.name, info.type, info.default_integer.has_value() || info.default_float.has_value()});
  return params;
}

/// Everything after parsing: names, consts, types where captures have one.
std::expected<Variant, Diagnostics> finish(std::unique_ptr<dsl::Program> program, Diagnostics diagnostics, const ParseOptions& options) {
  dsl::resolve(*program, diagnostics);
  auto impl = std::make_shared<Variant::Impl>();
  impl->elaboration.consts = options.consts;
  if (program->undeclared.empty()) {
    impl->form = dsl::elaborate(*program, impl->elaboration, diagnostics);
  } else {
    // Types come at compile time; that expressions have no consts can be said now.
    for (const auto& [name, text] : options.consts)
      diagnostics.add({Severity::Error, dsl::codes::unknown_const, {}, "bare expressions have no consts, so none called '" + name + "'", {}});
  }
  if (diagnostics.has_errors() || (program->undeclared.empty() && !impl->form)) return std::unexpected(std::move(diagnostics));
  if (impl->form) {
    impl->bound_names = bound_names(*impl->form);
    impl->captures = captures_of(*impl->form);
    impl->params = params_of(*impl->form);
    impl->has_score_mod = impl->form->score.has_value();
    impl->has_mask_mod = impl->form->mask.has_value();
  } else {
    for (const dsl::Program::UndeclaredCapture& found : program->undeclared) {
      Variant::Capture& capture = impl->captures.emplace_back();
      capture.name = std::string(found.name);
      capture.dims.assign(static_cast<std::size_t>(found.rank), "");
      capture.declared = false;
    }
    for (const dsl::Stmt* statement : program->top_level) {
      if (statement->kind != dsl::StmtKind::Def || !statement->function) continue;
      impl->has_score_mod |= statement->function->name == "score_mod";
      impl->has_mask_mod |= statement->function->name == "mask_mod";
    }
  }
  impl->program = std::move(program);
  impl->warnings = std::move(diagnostics);
  return VariantAccess::make(std::move(impl));
}

/// The normal form while undeclared captures are assumed f32, handed to `use`.
template <class Use>
auto with_form(const Variant::Impl& impl, Use use) -> decltype(use(std::declval<const dsl::NormalForm&>())) {
  if (impl.form) return use(*impl.form);
  Diagnostics diagnostics(impl.program->sources);
  dsl::ElaborateOptions assumed = impl.elaboration;
  assumed.assume_captures = true;
  if (auto form = dsl::elaborate(*impl.program, assumed, diagnostics)) return use(*form);
  return std::unexpected(CompileError{{ErrorKind::Input, "the variant has no normal form while its undeclared captures are assumed f32"}, std::move(diagnostics)});
}

}  // namespace

std::string bound_names(const dsl::NormalForm& form) {
  std::string text;
  for (const dsl::CaptureInfo& info : form.captures) text += fmt::format("{}: {}[{}]\n", info.name, name_of(info.dtype), info.dims.size());
  for (const dsl::ParamInfo& info : form.params) {
    text += fmt::format("{}: {}", info.name, name_of(info.type));
    if (info.default_integer) text += fmt::format(" = {}", *info.default_integer);
    if (info.default_float) text += fmt::format(" = {:a}", *info.default_float);
    text += '\n';
  }
  return text;
}

std::expected<Variant, Diagnostics> Variant::parse(std::string_view text, ParseOptions options) {
  const Source source{options.name, std::string(text)};
  Diagnostics diagnostics;  // the parser adds the sources
  std::unique_ptr<dsl::Program> program = dsl::parse_file(source, diagnostics);
  return finish(std::move(program), std::move(diagnostics), options);
}

std::expected<Variant, Diagnostics> Variant::from_expressions(std::string_view score, std::string_view mask, ParseOptions options) {
  const Source score_source{score.empty() ? "" : "<score>", std::string(score)};
  const Source mask_source{mask.empty() ? "" : "<mask>", std::string(mask)};
  Diagnostics diagnostics;  // the parser adds the sources that are there
  std::unique_ptr<dsl::Program> program = dsl::parse_expressions(score_source, mask_source, diagnostics);
  return finish(std::move(program), std::move(diagnostics), options);
}

std::vector<Variant::Capture> Variant::captures() const { return impl_->captures; }
std::vector<Variant::Param> Variant::params() const { return impl_->params; }
bool Variant::has_score_mod() const { return impl_->has_score_mod; }
bool Variant::has_mask_mod() const { return impl_->has_mask_mod; }
const Diagnostics& Variant::warnings() const { return impl_->warnings; }
std::array<std::uint64_t, 2> Variant::hash() const { return impl_->form ? impl_->form->hash : std::array<std::uint64_t, 2>{}; }

Diagnostics Variant::check() const {
  Diagnostics diagnostics = impl_->warnings;
  if (impl_->form) return diagnostics;
  dsl::ElaborateOptions assumed = impl_->elaboration;
  assumed.assume_captures = true;
  (void)dsl::elaborate(*impl_->program, assumed, diagnostics);
  return diagnostics;
}

std::expected<std::string, CompileError> Variant::emit(std::string_view stage) const {
  if (stage == "ast") return dsl::print_ast(*impl_->program);
  const auto print = [stage](const dsl::NormalForm& form) -> std::expected<std::string, CompileError> {
    if (stage == "normal") return form.text;
    static constexpr std::string_view kStages[] = {"ir", "opt", "tile", "llvm", "asm"};
    if (std::ranges::find(kStages, stage) == std::end(kStages))
      return std::unexpected(CompileError{{ErrorKind::Usage, "a variant has the stages ast, normal, ir, opt, tile, llvm and asm, not `" + std::string(stage) + "`"}, {}});
    const auto functions = ir_functions();
    if (!functions) return std::unexpected(CompileError{functions.error(), {}});
    auto text = (*functions)->emit_stage(form, stage, std::nullopt, compiler::Member::Narrow);
    if (!text) return std::unexpected(CompileError{std::move(text.error()), {}});
    return std::move(*text);
  };
  return with_form(*impl_, print);
}

std::expected<VariantFacts, CompileError> Variant::facts() const {
  return with_form(*impl_, [](const dsl::NormalForm& form) -> std::expected<VariantFacts, CompileError> {
    const auto functions = ir_functions();
    if (!functions) return std::unexpected(CompileError{functions.error(), {}});
    auto hooks = (*functions)->emit_cuda_hooks(form, {});
    if (!hooks) return std::unexpected(CompileError{std::move(hooks.error()), {}});
    constexpr std::string_view kClasses[] = {"identity", "affine", "general"};
    VariantFacts facts{std::string(kClasses[static_cast<std::size_t>(hooks->score_class)]), hooks->has_band, hooks->has_mask, 0, hooks->column_words};
    for (const compiler::HookWords& words : hooks->params) facts.launch_values += words.kind == compiler::HookWords::Kind::Launch ? words.count : 0;
    return facts;
  });
}

std::expected<KernelExplanation, CompileError> explain_kernel(const Variant& variant) {
  return with_form(variant.impl(), [](const dsl::NormalForm& form) -> std::expected<KernelExplanation, CompileError> {
    const auto functions = ir_functions();
    if (!functions) return std::unexpected(CompileError{functions.error(), {}});
    const auto facts = (*functions)->cuda_kernel_facts(form);
    if (!facts) return std::unexpected(CompileError{facts.error(), {}});
    constexpr const char* kBounds[] = {"proven", "launch-checked", "guarded"};
    KernelExplanation explanation;
    explanation.reductions = facts->reductions;
    for (std::size_t i = 0; i < compiler::kLevelNames.size(); ++i) explanation.levels.push_back({std::string(compiler::kLevelNames[i]), facts->operations[i]});
    for (const compiler::KernelFacts::Gather& gather : facts->gathers)
      explanation.gathers.push_back({form.captures[gather.capture].name, std::string(compiler::kLevelNames[gather.level]), gather.in_table, kBounds[static_cast<std::size_t>(gather.bounds)]});
    for (std::size_t i = 0; i < compiler::kAssumptionNames.size(); ++i)
      if (facts->assumptions >> i & 1) explanation.launch_checks.emplace_back(compiler::kAssumptionNames[i]);
    return explanation;
  });
}

std::expected<EmittedKernel, CompileError> Variant::emit_kernel(std::string_view stage, const EmitOptions& options) const {
  static constexpr std::string_view kStages[] = {"cuda", "ptx", "cubin", "sass"};
  if (std::ranges::find(kStages, stage) == std::end(kStages))
    return std::unexpected(CompileError{{ErrorKind::Usage, "a kernel has the stages cuda, ptx, cubin and sass, not `" + std::string(stage) + "`"}, {}});
  return with_form(*impl_, [&](const dsl::NormalForm& form) -> std::expected<EmittedKernel, CompileError> {
    auto kernel = emit_cuda_stage(form, stage, options);
    if (!kernel) return std::unexpected(CompileError{std::move(kernel.error()), {}});
    return std::move(*kernel);
  });
}

}  // namespace flexc
