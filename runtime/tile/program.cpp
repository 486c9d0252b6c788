#include "runtime/tile/program.h"

#include <bit>

#include <fmt/format.h>

namespace flexc::tile {
namespace {

struct Row {
  std::string_view text;
  char result;
  std::string_view operands;
};

constexpr Row kRows[] = {
#define FLEXC_TILE_OP(name, text, result, operands) {text, result, operands},
#include "templates/tile/opcodes.def"
#undef FLEXC_TILE_OP
};

constexpr std::string_view kFunctions[] = {"exp", "exp2", "expm1", "log", "log2", "log1p", "tanh", "sigmoid", "erf", "sine"};
constexpr std::string_view kSymbolNames[kSymbols] = {"B", "H", "HKV", "Q", "KV"};

const Row& row_of(Opcode op) { return kRows[static_cast<std::size_t>(op)]; }
Type type_of_letter(char letter) { return letter == 'B' ? Type::Bool : letter == 'I' ? Type::I64 : Type::F32; }
bool is_loop_end(Opcode op) { return op >= Opcode::LoopSumI && op <= Opcode::LoopMaxF; }

/// What the immediate of an instruction must be below; -1 where it is free.
std::int64_t limit_of_immediate(const Program& program, Opcode op) {
  switch (op) {
    case Opcode::ConstB: return 2;
    case Opcode::Symbol: return kSymbols;
    case Opcode::FreshDim: return program.fresh_dims;
    case Opcode::ParamB: case Opcode::ParamI: case Opcode::ParamF: return program.params;
    case Opcode::GatherB: case Opcode::GatherI: case Opcode::GatherF: return static_cast<std::int64_t>(program.captures.size());
    case Opcode::Enclose: return static_cast<std::int64_t>(Function::Count);
    default: return -1;
  }
}

/// Type of the elements that a gather gives.
Type element_type(DType dtype) { return dtype == DType::Bool ? Type::Bool : is_float(dtype) ? Type::F32 : Type::I64; }

std::string check_instruction(const Program& program, std::size_t number, const std::vector<std::size_t>& scopes) {
  const Instruction& instruction = program.instructions[number];
  if (instruction.op >= Opcode::Count) return "an operation that does not exist";
  if (std::uint64_t{instruction.first} + instruction.count > program.operands.size()) return "operands beyond the end";
  const std::int64_t limit = limit_of_immediate(program, instruction.op);
  if (limit >= 0 && (instruction.imm < 0 || instruction.imm >= limit)) return "an immediate out of range";
  const std::string_view letters = operands_of(instruction.op);
  const bool is_gather = letters == "*";
  if (is_gather) {
    const CaptureType& capture = program.captures[static_cast<std::size_t>(instruction.imm)];
    if (instruction.count != capture.rank || element_type(capture.dtype) != type_of(instruction.op)) return "a gather that does not fit its capture";
  } else if (instruction.count != letters.size()) {
    return "the wrong number of operands";
  }
  for (std::size_t i = 0; i < instruction.count; ++i) {
    const Register operand = program.operands[instruction.first + i];
    if (operand >= number) return "an operand that comes later";
    if (type_of(program.instructions[operand].op) != (is_gather ? Type::I64 : type_of_letter(letters[i]))) return "an operand of the wrong type";
    // A value made inside a loop is gone after it; a loop's end reads it as the loop's last step.
    if (scopes[operand] != 0 && scopes[operand] != scopes[number]) {
      const bool ends_it = is_loop_end(instruction.op) && (scopes[operand] == program.operands[instruction.first] + 1);
      if (!ends_it) return "a loop's value used outside of it";
    }
  }
  if (is_loop_end(instruction.op) && program.instructions[program.operands[instruction.first]].op != Opcode::LoopBegin) return "the end of a loop that has no begin";
  return {};
}

}  // namespace

std::string_view name_of(Opcode op) { return row_of(op).text; }
std::string_view name_of(Function function) { return kFunctions[static_cast<std::size_t>(function)]; }
Type type_of(Opcode op) { return type_of_letter(row_of(op).result); }
std::string_view operands_of(Opcode op) { return row_of(op).operands; }

std::string check(const Program& program) {
  for (const CaptureType& capture : program.captures)
    if (capture.dtype > DType::Bool || capture.rank > kMaxRank) return "a capture of an impossible type";
  // Loops do not nest. scopes[i]: 0 outside of any, else 1 + the number of the begin.
  std::vector<std::size_t> scopes(program.instructions.size(), 0);
  std::size_t open = 0;
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const Opcode op = program.instructions[i].op;
    if (op >= Opcode::Count) return "an operation that does not exist";
    if (op == Opcode::LoopBegin) {
      if (open != 0) return "a loop inside of a loop";
      open = i + 1;
      scopes[i] = open;
    } else if (is_loop_end(op)) {
      const Instruction& end = program.instructions[i];
      if (end.count != 2 || std::uint64_t{end.first} + 2 > program.operands.size() || open == 0 || program.operands[end.first] + 1 != open) return "the end of a loop that is not open";
      open = 0;
    } else {
      scopes[i] = open;
    }
  }
  if (open != 0) return "a loop that does not end";
  for (std::size_t i = 0; i < program.instructions.size(); ++i)
    if (std::string problem = check_instruction(program, i, scopes); !problem.empty()) return fmt::format("instruction {}: {}", i, problem);
  if (program.result >= program.instructions.size() || type_of(program.instructions[program.result].op) != Type::Bool || scopes[program.result] != 0)
    return "a result that is no boolean";
  return {};
}

std::string print(const Program& program) {
  std::string text = fmt::format("tile program: {} instructions, result v{}\n", program.instructions.size(), program.result);
  for (std::size_t i = 0; i < program.captures.size(); ++i)
    text += fmt::format("c{}: {}, {} dimension{}\n", i, name_of(program.captures[i].dtype), program.captures[i].rank, program.captures[i].rank == 1 ? "" : "s");
  bool inside = false;
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    const Opcode op = instruction.op;
    if (is_loop_end(op)) inside = false;
    constexpr std::string_view kTypes[] = {"bool", "i64", "f32"};
    text += fmt::format("{}v{}: {} = {}", inside ? "  " : "", i, kTypes[static_cast<std::size_t>(type_of(op))], name_of(op));
    if (op == Opcode::ConstB) text += instruction.imm != 0 ? " true" : " false";
    else if (op == Opcode::ConstI) text += fmt::format(" {}", instruction.imm);
    else if (op == Opcode::ConstF) text += fmt::format(" {}", std::bit_cast<float>(static_cast<std::uint32_t>(instruction.imm)));
    else if (op == Opcode::Symbol) text += fmt::format(" {}", kSymbolNames[static_cast<std::size_t>(instruction.imm)]);
    else if (op == Opcode::FreshDim) text += fmt::format(" n{}", instruction.imm);
    else if (op >= Opcode::ParamB && op <= Opcode::ParamF) text += fmt::format(" p{}", instruction.imm);
    else if (operands_of(op) == "*") text += fmt::format(" c{}", instruction.imm);
    else if (op == Opcode::Enclose) text += fmt::format(" {}", name_of(static_cast<Function>(instruction.imm)));
    const bool is_gather = operands_of(op) == "*";
    std::string_view separator = is_gather ? "[" : op == Opcode::Enclose ? ", " : " ";
    for (const Register operand : program.operands_of(instruction)) {
      text += fmt::format("{}v{}", separator, operand);
      separator = ", ";
    }
    if (is_gather) text += instruction.count == 0 ? "[]" : "]";
    text += '\n';
    if (op == Opcode::LoopBegin) inside = true;
  }
  return text + fmt::format("return v{}\n", program.result);
}

Result<void> check_launch(const Program& program, const Launch& launch) {
  const auto failure = [](std::string what) { return std::unexpected(Error{ErrorKind::Internal, "the launch does not fit the tile program: " + std::move(what)}); };
  if (launch.captures.size() != program.captures.size() || launch.params.size() != program.params || launch.fresh_dims.size() != program.fresh_dims)
    return failure("another number of captures, params or dims");
  for (const Instruction& instruction : program.instructions) {
    if (operands_of(instruction.op) != "*") continue;
    const auto number = static_cast<std::size_t>(instruction.imm);
    const TensorView& view = launch.captures[number];
    if (view.dtype != program.captures[number].dtype || view.rank() != program.captures[number].rank || view.strides.size() != view.rank())
      return failure(fmt::format("capture {} has another type", number));
    const bool in_place = view.memory == (launch.remote != nullptr ? MemoryKind::Cuda : MemoryKind::Host);
    if (!in_place || (view.data == nullptr && view.element_count() > 0)) return failure(fmt::format("capture {} cannot be read", number));
  }
  return {};
}

}  // namespace flexc::tile
