#include "runtime/tile/expression.h"

#include <bit>
#include <set>

#include <fmt/format.h>

namespace flexc::tile {
namespace {

constexpr int kDepth = 6;
constexpr std::size_t kLength = 160;
constexpr std::string_view kSymbolNames[kSymbols] = {"B", "H", "HKV", "Q", "KV"};

std::string_view infix(Opcode op) {
  switch (op) {
    case Opcode::Add: case Opcode::AddF: return "+";
    case Opcode::Sub: case Opcode::SubF: return "-";
    case Opcode::Mul: case Opcode::MulF: return "*";
    case Opcode::DivF: return "/";
    case Opcode::FloorDiv: case Opcode::FloorDivF: return "//";
    case Opcode::Mod: case Opcode::ModF: return "%";
    case Opcode::And: case Opcode::AndB: return "&";
    case Opcode::Or: case Opcode::OrB: return "|";
    case Opcode::Xor: case Opcode::XorB: return "^";
    case Opcode::Shl: return "<<";
    case Opcode::Shr: return ">>";
    case Opcode::Eq: case Opcode::EqF: return "==";
    case Opcode::Ne: case Opcode::NeF: return "!=";
    case Opcode::Lt: case Opcode::LtF: return "<";
    case Opcode::Le: case Opcode::LeF: return "<=";
    case Opcode::Gt: case Opcode::GtF: return ">";
    case Opcode::Ge: case Opcode::GeF: return ">=";
    default: return {};
  }
}

std::string name_in(const std::vector<std::string>& names, std::int64_t number, char letter) {
  const auto at = static_cast<std::size_t>(number);
  return at < names.size() && !names[at].empty() ? names[at] : fmt::format("{}{}", letter, number);
}

std::string text_of(const Program& program, Register at, const Names& names, int depth, bool inner) {
  const Instruction& instruction = program.instructions[at];
  const auto operands = program.operands_of(instruction);
  switch (instruction.op) {
    case Opcode::ConstB: return instruction.imm != 0 ? "True" : "False";
    case Opcode::ConstI: return fmt::format("{}", instruction.imm);
    case Opcode::ConstF: return fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(instruction.imm)));
    case Opcode::Batch: case Opcode::Head: case Opcode::QIdx: case Opcode::KvIdx: return std::string(name_of(instruction.op));
    case Opcode::Symbol: return std::string(kSymbolNames[instruction.imm]);
    case Opcode::FreshDim: return name_in(names.fresh_dims, instruction.imm, 'n');
    case Opcode::ParamB: case Opcode::ParamI: case Opcode::ParamF: return name_in(names.params, instruction.imm, 'p');
    default: break;
  }
  if (depth == 0) return "...";
  const auto operand = [&](std::size_t i, bool bracketed) { return text_of(program, operands[i], names, depth - 1, bracketed); };
  if (const std::string_view sign = infix(instruction.op); !sign.empty()) {
    const std::string text = fmt::format("{} {} {}", operand(0, true), sign, operand(1, true));
    return inner ? "(" + text + ")" : text;
  }
  if (instruction.op == Opcode::NotB || instruction.op == Opcode::Not) return "~" + operand(0, true);
  if (instruction.op == Opcode::Neg || instruction.op == Opcode::NegF) return "-" + operand(0, true);
  const bool is_gather = operands_of(instruction.op) == "*";
  std::string text = is_gather ? name_in(names.captures, instruction.imm, 'c') + "[" : instruction.op == Opcode::Enclose ? std::string(name_of(static_cast<Function>(instruction.imm))) + "("
                                                                                                                         : std::string(name_of(instruction.op)) + "(";
  // An enclosed function's first operand is its expansion; its second one is the argument.
  for (std::size_t i = instruction.op == Opcode::Enclose ? 1 : 0; i < operands.size(); ++i) {
    if (text.back() != '[' && text.back() != '(') text += ", ";
    text += operand(i, false);
  }
  return text + (is_gather ? "]" : ")");
}

}  // namespace

std::string expression(const Program& program, Register at, const Names& names) {
  std::string text;
  for (int depth = kDepth; depth > 0; --depth) {
    text = text_of(program, at, names, depth, false);
    if (text.size() <= kLength) break;
  }
  return text;
}

std::vector<std::uint32_t> captures_of(const Program& program, Register at) {
  std::vector<bool> needed(program.instructions.size(), false);
  needed[at] = true;
  std::set<std::uint32_t> captures;
  for (std::size_t i = at + 1; i-- > 0;) {
    if (!needed[i]) continue;
    const Instruction& instruction = program.instructions[i];
    if (operands_of(instruction.op) == "*") captures.insert(static_cast<std::uint32_t>(instruction.imm));
    for (const Register operand : program.operands_of(instruction)) needed[operand] = true;
  }
  return {captures.begin(), captures.end()};
}

}  // namespace flexc::tile
