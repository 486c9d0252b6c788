#include "dsl/elaborate/elaborate.h"

#include <pthread.h>

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include "dsl/elaborate/elaborator.h"
#include "dsl/elaborate/identity.h"
#include "dsl/syntax/names.h"

namespace flexc::dsl {

Elaborator::Elaborator(const Program& program, const ElaborateOptions& options, Diagnostics& diagnostics)
    : program_(program), options_(options), diagnostics_(diagnostics) {}

Elaborator::DepthGuard::DepthGuard(Elaborator& elaborator, Span span) : elaborator(elaborator) {
  if (++elaborator.depth_ > kMaxEvaluationDepth) {
    --elaborator.depth_;
    elaborator.stop(codes::inlining_too_deep, span, fmt::format("expressions and calls are nested more than {} deep after inlining, which is the limit", kMaxEvaluationDepth));
  }
}

void Elaborator::report(std::string_view code, Span span, std::string message, std::vector<Note> notes) {
  if (quiet_) {
    quiet_failed_ = true;
    return;
  }
  // One error a place: loops and repeated inlining would say it again and again, and resolve() may have said it in its way.
  for (const Diagnostic& earlier : diagnostics_.entries())
    if (earlier.severity == Severity::Error && earlier.span.begin == span.begin && earlier.span.source == span.source) return;
  if (!call_sites_.empty() && notes.empty()) notes.push_back({call_sites_.back(), "in this call"});
  if (!notes.empty() && notes[0].span.begin == span.begin && notes[0].span.source == span.source) notes.clear();
  diagnostics_.add({Severity::Error, code, span, std::move(message), std::move(notes)});
}

void Elaborator::warn(std::string_view code, Span span, std::string message) {
  for (const Diagnostic& earlier : diagnostics_.entries())
    if (earlier.code == code && earlier.span.begin == span.begin && earlier.span.source == span.source) return;
  diagnostics_.add({Severity::Warning, code, span, std::move(message), {}});
}

void Elaborator::stop(std::string_view code, Span span, std::string message) {
  report(code, span, std::move(message));
  throw ElaborationStopped{};
}

void Elaborator::step(Span span, int count) {
  steps_ += count;
  if (steps_ > kMaxCompileTimeSteps)
    stop(codes::too_much_evaluation, span, fmt::format("compile-time evaluation takes more than {} steps, which is the limit", kMaxCompileTimeSteps));
}

/// Whether a function can be called with a mod's arguments, which are all positional. resolve() has said so of a def.
bool Elaborator::fits_mod(std::string_view mod, const Function& function, std::size_t expected, Span span) {
  const auto positional = static_cast<std::size_t>(std::ranges::count(function.parameters, false, &Parameter::keyword_only));
  const auto required = static_cast<std::size_t>(std::ranges::count(function.parameters, nullptr, &Parameter::default_value));
  if (positional >= expected && required <= expected) return true;
  const std::string_view list = expected == 5 ? "(score, b, h, q_idx, kv_idx)" : "(b, h, q_idx, kv_idx)";
  if (function.name != mod || function.name_span.begin != span.begin)
    report(codes::mod_parameters, span, fmt::format("{} takes {} parameters {}, and this function takes {}", mod, expected, list,
                                                    positional < expected ? positional : required));
  return false;
}

void Elaborator::elaborate_mod(ModKind kind) {
  // Each mod gets a walk of its own over the top level: factories may compute run-time values, which belong to the mod that
  // their closures end up in.
  builder_ = {};
  globals_.clear();
  captures_.clear();
  params_.clear();
  form_.captures.clear();
  form_.params.clear();
  form_.fresh_dims.clear();
  active_closures_.clear();
  call_sites_.clear();
  scope_ = nullptr;
  activation_ = nullptr;
  steps_ = iterations_ = depth_ = 0;
  declare_all();
  run_top_level();
  if (kind == ModKind::None) return;

  const std::string_view name = kind == ModKind::Score ? "score_mod" : "mask_mod";
  const auto mod = globals_.find(name);
  if (mod == globals_.end() || mod->second.poisoned()) return;
  Span span;
  for (const Stmt* stmt : program_.top_level) {
    if (stmt->kind == StmtKind::Def && stmt->function->name == name) span = stmt->function->name_span;
    if (stmt->kind == StmtKind::ConstDecl && stmt->name == name) span = stmt->name_span;
    if (stmt->kind == StmtKind::Assign)
      for (const Expr* target : stmt->targets)
        if (target->kind == ExprKind::Name && target->text == name) span = stmt->value->span;
  }
  if (!mod->second.is_callable()) {
    report(codes::not_a_mod, span, fmt::format("{} must be a function, found {}", name, describe_value(mod->second)));
    return;
  }
  const Type kInteger{Scalar::I64, false, {}};
  CallArguments arguments;
  arguments.call = span;
  if (kind == ModKind::Score) arguments.positional.push_back(Value{NodeValue{builder_.leaf(Op::Score, {Scalar::F32, false, {}})}});
  for (Op op : {Op::BatchIndex, Op::HeadIndex, Op::QIndex, Op::KvIndex}) arguments.positional.push_back(Value{NodeValue{builder_.leaf(op, kInteger)}});
  arguments.spans.assign(arguments.positional.size(), span);
  const Value& function = mod->second;
  const bool closure = function.is<FunctionValue>();
  if (closure && !fits_mod(name, *function.as<FunctionValue>().closure->function, arguments.positional.size(), span)) return;
  Value result = closure ? call_closure(*function.as<FunctionValue>().closure, std::move(arguments), kind) : call(function, std::move(arguments));
  if (!closure) {
    result = materialise(result, span);
    check_mod_result(kind, result, span);
  }
  if (result.poisoned() || diagnostics_.has_errors()) return;
  const auto id = to_node(result, kind == ModKind::Score ? Scalar::F32 : Scalar::Bool, span);
  if (!id) return;
  (kind == ModKind::Score ? form_.score : form_.mask) = builder_.finish(*id);
}

/// Leaves that nobody wrote, such as a mod's arguments, have no place.
void Elaborator::fill_places() {
  const Diagnostics texts(program_.sources);
  for (const Source& source : program_.sources) form_.source_names.push_back(source.name);
  for (auto* body : {&form_.score, &form_.mask}) {
    if (!*body) continue;
    std::vector<Span> spans;
    for (const Node& node : (*body)->nodes) spans.push_back(node.span);
    const std::vector<Location> places = texts.locate(spans);
    for (std::size_t i = 0; i < places.size(); ++i)
      if (spans[i].end > spans[i].begin) (*body)->nodes[i].place = places[i];
  }
}

std::optional<NormalForm> Elaborator::run() {
  const auto defines = [&](std::string_view name) {
    return std::any_of(program_.top_level.begin(), program_.top_level.end(), [&](const Stmt* stmt) {
      if (stmt->kind == StmtKind::Def) return stmt->function->name == name;
      if (stmt->kind == StmtKind::ConstDecl) return stmt->name == name;
      return stmt->kind == StmtKind::Assign && std::any_of(stmt->targets.begin(), stmt->targets.end(), [&](const Expr* target) {
               return target->kind == ExprKind::Name && target->text == name;
             });
    });
  };
  try {
    const bool score = defines("score_mod"), mask = defines("mask_mod");
    if (score) elaborate_mod(ModKind::Score);
    if (mask) elaborate_mod(ModKind::Mask);
    if (!score && !mask) elaborate_mod(ModKind::None);
    for (const auto& [name, text] : options_.consts) {
      if (globals_.contains(name) && !globals_.at(name).is_callable()) continue;
      std::vector<std::string_view> names;
      for (const auto& [known, value] : globals_)
        if (!value.is_callable()) names.push_back(known);
      const std::string_view near = nearest_name(name, names);
      report(codes::unknown_const, {}, near.empty() ? fmt::format("the program has no const '{}'", name)
                                                    : fmt::format("the program has no const '{}'; did you mean '{}'?", name, near));
    }
  } catch (const ElaborationStopped&) {
  }
  if (diagnostics_.has_errors()) return std::nullopt;
  fill_identity(form_);
  fill_places();
  return std::move(form_);
}

namespace {

/// The walk recurses as deep as kMaxEvaluationDepth allows, which the caller's stack may not: it has one of its own.
constexpr std::size_t kStackBytes = std::size_t{256} << 20;

struct Task {
  const Program& program;
  const ElaborateOptions& options;
  Diagnostics& diagnostics;
  std::optional<NormalForm> result;
  std::exception_ptr failure;
};

void* run_task(void* argument) {
  Task& task = *static_cast<Task*>(argument);
  try {
    task.result = Elaborator(task.program, task.options, task.diagnostics).run();
  } catch (...) {
    task.failure = std::current_exception();
  }
  return nullptr;
}

}  // namespace

std::optional<NormalForm> elaborate(const Program& program, const ElaborateOptions& options, Diagnostics& diagnostics) {
  Task task{program, options, diagnostics, std::nullopt, nullptr};
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  bool started = false;
  for (std::size_t bytes = kStackBytes; !started && bytes >= (std::size_t{64} << 20); bytes /= 2)
    started = pthread_attr_setstacksize(&attributes, bytes) == 0 && pthread_create(&thread, &attributes, run_task, &task) == 0;
  pthread_attr_destroy(&attributes);
  if (!started) {
    diagnostics.add({Severity::Error, codes::out_of_resources, {}, "cannot start a thread for the elaboration: out of memory or threads", {}});
    return std::nullopt;
  }
  pthread_join(thread, nullptr);
  if (task.failure) {  // only memory can run out in there
    diagnostics.add({Severity::Error, codes::out_of_resources, {}, "out of memory while elaborating the program", {}});
    return std::nullopt;
  }
  return std::move(task.result);
}

}  // namespace flexc::dsl
