// Random variants, typed from the start, so that they compile: a score_mod and a mask_mod each, over the whole language.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/random_mods/program.h"

namespace random_mods {

/// A capture that programs may read; which dims it has says how long its rows are.
struct CaptureSpec {
  const char* name;
  const char* dtype;
  std::vector<const char*> dims;
};
const std::vector<CaptureSpec>& captures();
std::string declaration_of(const CaptureSpec& capture);

class Generator {
 public:
  /// The program follows from the table and the seed. A few cells are drawn more often, others for each seed.
  Generator(const Table& table, std::uint64_t seed) : table_(table), seed_(seed), random_(seed) {}
  Program program();

 private:
  struct Variable {
    std::string name;
    Type type;
    bool is_constant = false;
    bool is_used = false;
    bool is_outer = false;  ///< of an enclosing function: read, never assigned
  };
  struct Function {
    std::string name;
    std::vector<std::pair<std::string, Type>> parameters;
    std::size_t required = 0;
    Type result;
    unsigned features = 0;
  };
  struct Scope {
    std::vector<Variable> variables;
    std::vector<Function> functions;
  };

  // Choices.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  const T& pick(const std::vector<T>& items) {
    return items[below(items.size())];
  }
  std::string fresh(const char* stem) { return stem + std::to_string(++names_); }

  // Expressions (expressions.cpp). `run_time` asks for one that surely is no compile-time value.
  Expression expression(Type type, Scope& scope, int depth, bool run_time = false);
  Expression leaf(Type type, Scope& scope, bool run_time);
  Expression literal(Kind kind);
  /// Of the table; of `wanted` if there is one, whose result must be `type`.
  Expression operation(Type type, Scope& scope, int depth, std::optional<std::size_t> wanted = std::nullopt);
  Expression with_each_cell(Expression value, Scope& scope);
  std::vector<Type> operand_types(Column column, std::size_t count, Length length);
  std::optional<Expression> gather(Type type, Scope& scope, int depth);
  Expression index(Scope& scope, int depth);
  std::optional<Expression> call(Type type, Scope& scope, int depth);
  std::optional<Expression> special(Type type, Scope& scope, int depth);
  Expression affine(Scope& scope, int depth);
  Type of_difference(std::vector<Statement>& block, const Scope& shared, Scope& scope);
  Type scalar() { return {pick(std::vector<Kind>{Kind::Bool, Kind::I64, Kind::F32, Kind::F32, Kind::F32})}; }
  bool is_preferred(std::size_t cell) const;
  bool prefers(Kind result) const;
  Type any();

  // Statements (generator.cpp).
  void statement(std::vector<Statement>& block, Scope& scope, int depth, Type result);
  void assignment(std::vector<Statement>& block, Scope& scope, int depth);
  void branch(std::vector<Statement>& block, Scope& scope, int depth, Type result);
  void loop(std::vector<Statement>& block, Scope& scope, int depth);
  void function(std::vector<Statement>& block, Scope& scope, int depth);
  void factory(std::vector<Statement>& top, Scope& scope);
  std::vector<Statement> body(Scope& scope, std::size_t size, int depth, Type result);
  Expression with_unused(Expression result, Scope& scope, std::size_t first);
  Statement definition(const std::string& head, std::vector<Expression> defaults, std::vector<Statement> block);

  const Table& table_;
  std::uint64_t seed_;
  std::mt19937_64 random_;
  int names_ = 0;
};

}  // namespace random_mods
