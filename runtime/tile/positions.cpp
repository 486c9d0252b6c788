#include "runtime/tile/positions.h"

#include "templates/tile/sabotage.h"
#include "templates/tile/scalar.h"

namespace flexc::tile {
namespace {

/// The registers before the program's own.
enum Prefix : Register { kQStep, kKvStep, kQOffset, kKvOffset, kDistance, kRow, kColumn, kQScaled, kKvScaled, kDifference, kDifferenceScaled, kPrefixes };
static_assert(kPrefixes == kPositionRegisters);

}  // namespace

Program at_rows(const Program& program, const PositionMap& q, const PositionMap& kv) {
  Program rows;
  rows.captures = program.captures;
  rows.params = program.params, rows.fresh_dims = program.fresh_dims;
  rows.result = program.result + kPositionRegisters;
  const auto constant = [&](Int value) { rows.instructions.push_back({Opcode::ConstI, value, 0, 0}); };
  const auto leaf = [&](Opcode op) { rows.instructions.push_back({op, 0, 0, 0}); };
  const auto binary = [&](Opcode op, Register a, Register b) {
    rows.instructions.push_back({op, 0, static_cast<std::uint32_t>(rows.operands.size()), 2});
    rows.operands.insert(rows.operands.end(), {a, b});
  };
  // In the order of Prefix.
  constant(sabotaged(Sabotage::StepIgnored) ? 1 : q.step), constant(kv.step);
  constant(q.offset), constant(kv.offset), constant(wrap_sub(q.offset, kv.offset));
  leaf(Opcode::QIdx), leaf(Opcode::KvIdx);
  binary(Opcode::Mul, kQStep, kRow), binary(Opcode::Mul, kKvStep, kColumn);
  binary(Opcode::Sub, kRow, kColumn), binary(Opcode::Mul, kQStep, kDifference);

  const auto op_of = [&](Register at) { return program.instructions[at].op; };
  for (const Instruction& instruction : program.instructions) {
    const auto operands = program.operands_of(instruction);
    if (instruction.op == Opcode::QIdx) {
      binary(Opcode::Add, kQOffset, kQScaled);
    } else if (instruction.op == Opcode::KvIdx) {
      binary(Opcode::Add, kKvOffset, kKvScaled);
    } else if (instruction.op == Opcode::Sub && q.step == kv.step && op_of(operands[0]) == Opcode::QIdx && op_of(operands[1]) == Opcode::KvIdx) {
      // Of equal steps the difference of positions is a function of row - column: a mask of nothing else has one tile a diagonal.
      binary(Opcode::Add, kDistance, kDifferenceScaled);
    } else {
      rows.instructions.push_back({instruction.op, instruction.imm, static_cast<std::uint32_t>(rows.operands.size()), instruction.count});
      for (const Register operand : operands) rows.operands.push_back(operand + kPositionRegisters);
    }
  }
  return rows;
}

BlockMask in_rows(const BlockMask& shape) {
  BlockMask rows = shape;
  rows.q_offset = rows.kv_offset = 0;
  rows.q_step = rows.kv_step = 1;
  return rows;
}

}  // namespace flexc::tile
