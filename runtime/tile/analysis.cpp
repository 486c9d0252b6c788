#include "runtime/tile/analysis.h"

namespace flexc::tile {
namespace {

bool is_bit_operation(Opcode op) {
  switch (op) {
    case Opcode::And: case Opcode::Or: case Opcode::Xor: case Opcode::Not: case Opcode::Shl: case Opcode::Shr: case Opcode::ShrLogical: case Opcode::WrapI32: return true;
    default: return false;
  }
}

/// Operations through which bits known of the operands are bits known of the result.
bool carries_bits(Opcode op) {
  switch (op) {
    case Opcode::Add: case Opcode::Sub: case Opcode::Mul: case Opcode::Mod: case Opcode::FloorDiv: case Opcode::SelectI: return true;
    default: return is_bit_operation(op);
  }
}

}  // namespace

Analysis::Analysis(const Program& program) : depends(program.instructions.size()), needs_bits(program.instructions.size()), loop_of(program.instructions.size()) {
  Register open = 0;
  bool inside = false;
  for (Register i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    std::uint8_t coordinates = 0;
    switch (instruction.op) {
      case Opcode::Batch: coordinates = kOnBatch; break;
      case Opcode::Head: coordinates = kOnHead; break;
      case Opcode::QIdx: coordinates = kOnQ; break;
      case Opcode::KvIdx: coordinates = kOnKv; break;
      default: break;
    }
    for (const Register operand : program.operands_of(instruction)) coordinates |= depends[operand];
    if (instruction.op == Opcode::LoopBegin) {
      coordinates |= kOnIndex;
      open = i;
      inside = true;
    } else if (instruction.op >= Opcode::LoopSumI && instruction.op <= Opcode::LoopMaxF) {
      coordinates &= static_cast<std::uint8_t>(~kOnIndex);
      inside = false;
    }
    depends[i] = coordinates;
    loop_of[i] = inside ? open : i;
  }
  for (Register i = static_cast<Register>(program.instructions.size()); i-- > 0;) {
    const Instruction& instruction = program.instructions[i];
    if (!is_bit_operation(instruction.op) && !(needs_bits[i] && carries_bits(instruction.op))) continue;
    for (const Register operand : program.operands_of(instruction))
      if (type_of(program.instructions[operand].op) == Type::I64) needs_bits[operand] = true;
  }
}

}  // namespace flexc::tile
