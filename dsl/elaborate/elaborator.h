// The elaborator: one walk that evaluates what is known at compile time and appends nodes for the rest. Internal to
// dsl/elaborate; elaborate.h is the door. Its member functions are spread over one file a subject.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dsl/codes.h"
#include "dsl/elaborate/builder.h"
#include "dsl/elaborate/elaborate.h"
#include "dsl/elaborate/value.h"

namespace flexc::dsl {

/// Thrown (inside this folder only) when a limit is reached: the error is already reported, and going on makes no sense.
struct ElaborationStopped {};

/// Arguments of a call, evaluated.
struct CallArguments {
  struct Keyword {
    std::string_view name;
    Value value;
    Span span, name_span;
  };
  ValueList positional;
  std::vector<Span> spans;  ///< of the positional ones
  std::vector<Keyword> keywords;
  Span call;  ///< the whole call
};

/// What a mod must return; checked where it returns, so that the error points there.
enum class ModKind : std::uint8_t { None, Score, Mask };

/// One active call of a def: what it has returned so far on some of its paths.
struct Activation {
  ModKind mod = ModKind::None;
  struct State {
    ValueList slots;
    std::optional<NodeId> returned;  ///< Bool: the path has returned; absent: none has
    Value result;                    ///< valid where returned
  };
  std::optional<NodeId> returned;
  Value result;
};

class Elaborator {
 public:
  Elaborator(const Program& program, const ElaborateOptions& options, Diagnostics& diagnostics);
  std::optional<NormalForm> run();

 private:
  // elaborate.cpp
  void fill_places();
  void elaborate_mod(ModKind kind);
  bool fits_mod(std::string_view mod, const Function& function, std::size_t expected, Span span);
  void report(std::string_view code, Span span, std::string message, std::vector<Note> notes = {});
  void warn(std::string_view code, Span span, std::string message);
  [[noreturn]] void stop(std::string_view code, Span span, std::string message);
  void step(Span span, int count = 1);
  struct DepthGuard {
    DepthGuard(Elaborator& elaborator, Span span);
    ~DepthGuard() { --elaborator.depth_; }
    Elaborator& elaborator;
  };

  // declarations.cpp
  void declare_all();
  void declare_tensor(const Stmt& stmt);
  void declare_param(const Stmt& stmt);
  void declare_undeclared_captures();
  void run_top_level();
  std::optional<Value> overridden(std::string_view name, Span span);
  void assign_global(const Expr& target, const Value& value, Span span);

  // statements.cpp: each returns whether every path has returned
  bool run_block(const std::vector<Stmt*>& block);
  bool run_statement(const Stmt& stmt);
  bool run_if(const Stmt& stmt);
  bool run_for(const Stmt& stmt);
  bool run_return(const Stmt& stmt);
  void run_assert(const Stmt& stmt);
  void assign(const Expr& target, const Value& value, Span span);
  bool join(NodeId condition, Span span, Activation::State then_state, bool then_returned, Activation::State else_state, bool else_returned);
  Activation::State save_state();
  void restore_state(Activation::State state);
  bool can_merge(const Value& a, const Value& b, Span span);
  Value merge_values(NodeId condition, const Value& a, const Value& b, Span span);

  // expressions.cpp
  Value eval(const Expr& expr);
  Value eval_leaf(const Expr& expr);
  Value eval_name(const Expr& expr);
  Value eval_number(const Expr& expr);
  Value eval_conditional(const Expr& expr);
  Value eval_bool_chain(const Expr& expr);
  Value eval_compare(const Expr& expr);
  Value eval_attribute(const Expr& expr, const Value& base);
  Value eval_subscript(const Expr& expr, const Value& base);
  Value index_tensor(const TensorValue& tensor, const Expr& expr);
  Value tensor_shape(std::uint32_t capture);
  Value dim_value(const Dim& dim);
  Value* find_local(Frame* frame, std::string_view name);
  int slot_of(const Function& function, std::string_view name);

  // arithmetic.cpp
  Value binary(BinaryOp op, const Value& a, const Value& b, Span span);
  Value unary(UnaryOp op, const Value& a, Span span);
  Value compare(CompareOp op, const Value& a, const Value& b, Span span);
  Value power(const Value& a, const Value& b, Span span);
  bool require_bool(const Value& value, std::string_view what, Span span);
  Value logical(Op op, const Value& a, const Value& b, std::string_view what, Span span);
  Value logical_not(const Value& a, std::string_view what, Span span);
  Value select(const Value& condition, const Value& a, const Value& b, std::string_view what, Span span);
  Value min_max(Op op, const Value& a, const Value& b, Span span);
  /// The scalar type that the operand takes part with; nothing (reported) if it is no number.
  std::optional<Scalar> number_type(const Value& value, std::string_view what, Span span);
  /// As a node of that scalar type (constants are converted, rows allowed). Nothing (reported) if an integer does not fit.
  std::optional<NodeId> to_node(const Value& value, Scalar scalar, Span span);
  /// Elementwise operation on nodes of one scalar type: rows meet rows of equal length, scalars are broadcast.
  Value elementwise(Op op, Scalar result, std::vector<NodeId> operands, Span span);
  std::optional<Dim> common_length(const std::vector<NodeId>& operands, Span span);
  bool require_equal(const Dim& a, const Dim& b, Span span);
  NodeId emit(Op op, Type type, std::vector<NodeId> operands, Span span, std::int64_t imm = 0);
  /// Captures with all indices but the last are rows, rank-0 captures scalars: as a node, where a number is wanted.
  Value materialise(const Value& value, Span span);
  bool is_row(const Value& value) const;
  std::string describe_value(const Value& value) const;

  // calls.cpp
  Value eval_call(const Expr& expr, const Value& callee);
  Value call(const Value& callee, CallArguments arguments);
  Value call_closure(Closure& closure, CallArguments arguments, ModKind mod = ModKind::None);
  Value call_composite(const Composite& composite, CallArguments arguments);
  bool bind_parameters(Closure& closure, CallArguments& arguments, Frame& frame);
  void evaluate_defaults(Closure& closure);
  Value make_closure(const Function& function);
  void check_mod_result(ModKind kind, const Value& value, Span span);

  // builtins.cpp
  Value call_builtin(const BuiltinValue& builtin, CallArguments arguments);
  Value builtin_unary(std::string_view name, const Value& x, Span span);
  Value builtin_reduction(std::string_view name, const ValueList& values, Span span);
  Value builtin_activation(std::string_view name, const ValueList& values, const CallArguments& arguments);
  Value builtin_range(const CallArguments& arguments);
  Value builtin_dot(const Value& a, const Value& b, Span span);
  Value builtin_combine(std::string_view name, const CallArguments& arguments);
  Value builtin_clamp(const ValueList& values, Span span);
  Value builtin_divide(const ValueList& values, Span span);
  Value builtin_like(std::string_view name, const ValueList& values, const CallArguments& arguments);
  Value cast(const Value& x, CastType type, Span span);
  Value cast_float_literal(const std::string& text, Span span);
  Value module_attribute(const ModuleValue& module, const Expr& expr);
  Value host_code(std::string_view what, Span span);

  const Program& program_;
  const ElaborateOptions& options_;
  Diagnostics& diagnostics_;
  NormalForm form_;
  BodyBuilder builder_;
  std::map<std::string_view, Value> globals_;
  std::map<std::string_view, std::uint32_t> captures_;
  std::map<std::string_view, std::uint32_t> params_;
  std::unordered_map<const Function*, std::unordered_map<std::string_view, int>> slot_maps_;
  std::deque<Frame> frames_;
  std::deque<Closure> closures_;
  std::deque<Composite> composites_;
  std::vector<const Closure*> active_closures_;
  std::vector<Span> call_sites_;
  Activation* activation_ = nullptr;
  Frame* scope_ = nullptr;  ///< where names are looked up first; null: the module
  std::deque<std::unique_ptr<Program>> override_programs_;
  bool quiet_ = false;       ///< errors are counted, not reported (constants given by the caller)
  bool quiet_failed_ = false;
  int steps_ = 0;
  int iterations_ = 0;
  int depth_ = 0;
};

}  // namespace flexc::dsl
