// The table: every expansion, recorded once, and its printed form.
#include <fmt/format.h>

#include <array>

#include "dsl/math/functions.h"

namespace flexc::dsl {
namespace {

struct Entry {
  Op function;
  F32Register (*unary)(F32Register);
  F32Register (*binary)(F32Register, F32Register);
};

constexpr Entry kEntries[] = {
    {Op::Ceil, expand_ceil, nullptr},       {Op::Exp, expand_exp, nullptr},     {Op::Exp2, expand_exp2, nullptr},
    {Op::Expm1, expand_expm1, nullptr},     {Op::Log, expand_log, nullptr},     {Op::Log2, expand_log2, nullptr},
    {Op::Log1p, expand_log1p, nullptr},     {Op::Rsqrt, expand_rsqrt, nullptr}, {Op::Sin, expand_sin, nullptr},
    {Op::Cos, expand_cos, nullptr},         {Op::Tan, expand_tan, nullptr},     {Op::Tanh, expand_tanh, nullptr},
    {Op::Sigmoid, expand_sigmoid, nullptr}, {Op::Erf, expand_erf, nullptr},     {Op::Pow, nullptr, expand_pow},
    {Op::FloorDiv, nullptr, expand_floor_div}, {Op::Mod, nullptr, expand_mod},
};

constexpr Entry kLooseEntries[] = {{Op::Tanh, expand_loose_tanh, nullptr}};

struct Table {
  std::vector<Op> functions;
  std::vector<Expansion> expansions;
  std::array<const Expansion*, 256> by_op{};

  explicit Table(std::span<const Entry> entries) {
    for (const Entry& entry : entries) {
      Recorder recorder;
      const F32Register x = recorder.input(0);
      functions.push_back(entry.function);
      expansions.push_back(entry.unary ? recorder.finish(entry.function, 1, entry.unary(x))
                                       : recorder.finish(entry.function, 2, entry.binary(x, recorder.input(1))));
    }
    for (const Expansion& expansion : expansions) by_op[static_cast<std::size_t>(expansion.function)] = &expansion;
  }
};

// Immutable after their first use, which is thread-safe.
const Table& table() {
  static const Table the_table(kEntries);
  return the_table;
}
const Table& loose_table() {
  static const Table the_table(kLooseEntries);
  return the_table;
}

constexpr std::string_view kStepNames[] = {
    "input", "constant", "add", "sub", "mul", "div", "fma", "sqrt", "neg", "abs", "floor", "round_even", "eq", "lt", "le", "iadd", "isub", "imul",
    "and", "or", "xor", "shl", "shr_logical", "shr_arith", "rem_unsigned", "ieq", "ilt", "and_b", "or_b", "not_b", "select", "bits_of", "float_of_bits",
    "zero_extend", "sign_extend", "truncate", "float_of_i32", "float_of_i64", "i32_of", "i64_of"};
static_assert(std::size(kStepNames) == static_cast<std::size_t>(StepOp::I64OfF) + 1);

}  // namespace

Expansion Recorder::finish(Op function, int arity, F32Register result) const {
  std::vector<bool> needed(steps_.size(), false);
  needed[result.number] = true;
  for (std::size_t i = steps_.size(); i-- > 0;)
    if (needed[i])
      for (int k = 0; k < steps_[i].operand_count; ++k) needed[steps_[i].operands[k]] = true;
  Expansion expansion{function, arity, {}, 0};
  std::vector<std::uint16_t> renumbered(steps_.size());
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (!needed[i]) continue;
    renumbered[i] = static_cast<std::uint16_t>(expansion.steps.size());
    Step step = steps_[i];
    for (int k = 0; k < step.operand_count; ++k) step.operands[k] = renumbered[step.operands[k]];
    expansion.steps.push_back(step);
  }
  expansion.result = renumbered[result.number];
  return expansion;
}

std::string_view name_of(StepOp op) { return kStepNames[static_cast<std::size_t>(op)]; }

std::string_view name_of(RegisterType type) {
  constexpr std::string_view kNames[] = {"bool", "f32", "i32", "i64"};
  return kNames[static_cast<std::size_t>(type)];
}

std::span<const Op> expanded_functions() { return table().functions; }

const Expansion* expansion_of(Op function) { return table().by_op[static_cast<std::size_t>(function)]; }

std::span<const Op> loosely_expanded_functions() { return loose_table().functions; }

const Expansion* loose_expansion_of(Op function) { return loose_table().by_op[static_cast<std::size_t>(function)]; }

std::string print_expansion(const Expansion& expansion) {
  std::string text;
  for (std::size_t i = 0; i < expansion.steps.size(); ++i) {
    const Step& step = expansion.steps[i];
    text += fmt::format("%{} = {} {}", i, name_of(step.type), name_of(step.op));
    if (step.op == StepOp::Input) text += step.imm == 0 ? " x" : " y";
    if (step.op == StepOp::Constant) {
      if (step.type == RegisterType::F32) text += fmt::format(" {:a}", std::bit_cast<float>(static_cast<std::uint32_t>(step.imm)));
      else text += fmt::format(" {}", step.imm);
    }
    for (int k = 0; k < step.operand_count; ++k) text += fmt::format("{}%{}", k == 0 ? " " : ", ", step.operands[k]);
    text += '\n';
  }
  return text + fmt::format("return %{}\n", expansion.result);
}

}  // namespace flexc::dsl
