// Compile-time values: what an expression can be while a program is being elaborated.
#pragma once

#include <gmpxx.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dsl/syntax/ast.h"
#include "flexc/dsl/normal_form.h"

namespace flexc::dsl {

struct Frame;
struct Value;
using ValueList = std::vector<Value>;

/// Stands where an error was reported: whatever is made of it is poison too, silently.
struct Poison {};
/// A local without a value: no statement has assigned it, only some of the paths did, or the paths gave it values that no
/// run-time condition can choose between (two functions, say).
struct Unassigned {
  enum class Why : std::uint8_t { Never, Partly, Differs } why = Why::Never;
};
struct NoneValue {};
struct TupleValue {
  std::shared_ptr<const ValueList> items;
};
/// A def or lambda with the frame it was made in. Identity (for recursion) is the address.
struct Closure {
  const Function* function = nullptr;
  std::string_view name;   ///< what messages call it: the def's name, or the one that a lambda was assigned to
  Frame* frame = nullptr;  ///< null: the module
  bool defaults_ready = false;
  ValueList defaults;      ///< one a parameter that has a default, in order
};
/// Function::name of a lambda.
inline constexpr std::string_view kLambdaName = "<lambda>";
struct FunctionValue {
  Closure* closure = nullptr;
};
/// and_masks(f, …), or_masks(f, …), partial(f, …).
struct Composite {
  enum class Kind : std::uint8_t { And, Or, Partial } kind = Kind::And;
  ValueList items;  ///< Partial: the function, then the bound positional arguments
  std::vector<std::pair<std::string_view, Value>> keywords;
};
struct CompositeValue {
  Composite* composite = nullptr;
};
/// A function of the language; `self` is set for a bound method.
struct BuiltinValue {
  std::string_view name;
  std::shared_ptr<const Value> self;
};
enum class ModuleKind : std::uint8_t { Torch, Math, TorchNn, Functional, Functools };
struct ModuleValue {
  ModuleKind kind;
};
/// torch.float32 and its like: what `.to()` takes.
enum class CastType : std::uint8_t { Float32, Int32, Int64, Bool };
struct CastValue {
  CastType type;
};
struct NodeValue {
  NodeId id;
};
/// A capture with its first indices given; a row or a further-indexable tensor. (All indices given: a NodeValue.)
struct TensorValue {
  std::uint32_t capture = 0;
  std::vector<NodeId> indices;
};
struct RangeValue {
  mpz_class start, stop, step;
};

struct Value {
  std::variant<Poison, Unassigned, NoneValue, bool, mpz_class, double, std::string, TupleValue, FunctionValue, CompositeValue, BuiltinValue,
               ModuleValue, CastValue, NodeValue, TensorValue, RangeValue>
      data;

  template <class T> bool is() const { return std::holds_alternative<T>(data); }
  template <class T> const T& as() const { return std::get<T>(data); }
  bool poisoned() const { return is<Poison>(); }
  /// A compile-time number: bool, int or float.
  bool is_constant_number() const { return is<bool>() || is<mpz_class>() || is<double>(); }
  bool is_callable() const { return is<FunctionValue>() || is<CompositeValue>() || is<BuiltinValue>(); }
};

inline Value poison() { return Value{Poison{}}; }

/// float32, int32 and int64, as names and in torch; bool is a function, which `.to()` takes as well.
std::optional<CastType> cast_type_named(std::string_view name);
/// The type that a dtype argument names; torch.float, torch.int and torch.bool are also the names of functions.
std::optional<CastType> cast_type_of(const Value& value);

/// Local variables of one call.
struct Frame {
  const Function* function = nullptr;
  Frame* parent = nullptr;  ///< lexically enclosing; null: the module
  ValueList slots;          ///< parallel to function->locals; empty once the call is over, unless captured
  bool captured = false;    ///< a closure looks into it
};

/// Whether two values are known to be the same thing (used where branches meet).
bool identical(const Value& a, const Value& b);

}  // namespace flexc::dsl
