#include "runtime/tile/points.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/tile/remote.h"

namespace flexc::tile {
namespace {

bool is_loop_end(Opcode op) { return op >= Opcode::LoopSumI && op <= Opcode::LoopMaxF; }

}  // namespace

PointMachine::PointMachine(const Program& program, const Analysis& analysis, const Launch& launch)
    : program_(program), analysis_(analysis), launch_(launch), registers_(program.instructions.size()) {
  // A loop runs with the fixed values where no position reaches its result, else with the others. Its body's own fixed values are
  // computed with the fixed ones.
  std::vector<bool> varying_loop(program.instructions.size(), false);
  for (const Instruction& instruction : program.instructions)
    if (is_loop_end(instruction.op)) {
      const auto end = static_cast<Register>(&instruction - program.instructions.data());
      varying_loop[program.operands[instruction.first]] = (analysis.depends[end] & (kOnQ | kOnKv)) != 0;
    }
  for (Register i = 0; i < program.instructions.size(); ++i) {
    bool varies = (analysis.depends[i] & (kOnQ | kOnKv)) != 0;
    if (analysis.depends[i] & kOnIndex) varies = varies || varying_loop[analysis.loop_of[i]];
    (varies ? varying_ : fixed_).push_back(i);
  }
}

void PointMachine::set_plane(Int b, Int h) {
  b_ = b, h_ = h;
  run(fixed_, kLanes);
}

const std::uint8_t* PointMachine::evaluate(const Int* q_idx, const Int* kv_idx, std::size_t count) {
  q_ = q_idx, k_ = kv_idx;
  run(varying_, count);
  return registers_[program_.result].truth;
}

void PointMachine::run(const std::vector<Register>& list, std::size_t count) {
  std::size_t begin = 0;  // of the open loop, in the list
  Int index = 0;
  for (std::size_t at = 0; at < list.size(); ++at) {
    const Register i = list[at];
    const Instruction& instruction = program_.instructions[i];
    if (instruction.op == Opcode::LoopBegin) {
      begin = at;
      index = 0;
      const auto is_end = [&](Register r) { return is_loop_end(program_.instructions[r].op) && program_.operands[program_.instructions[r].first] == i; };
      const auto end = static_cast<std::size_t>(std::find_if(list.begin() + static_cast<std::ptrdiff_t>(at), list.end(), is_end) - list.begin());
      Lanes& total = registers_[list[end]];
      using Integers = std::numeric_limits<Int>;
      const Opcode op = program_.instructions[list[end]].op;
      const Int first = op == Opcode::LoopMinI ? Integers::max() : op == Opcode::LoopMaxI ? Integers::min() : 0;
      const float real = op == Opcode::LoopMinF ? kInf : op == Opcode::LoopMaxF ? -kInf : 0.0f;
      if (type_of(op) == Type::I64) std::fill_n(total.integer, count, first);
      else std::fill_n(total.real, count, real);
      std::fill_n(registers_[i].integer, count, Int{0});
      if (registers_[program_.operands[instruction.first]].integer[0] <= 0) at = end;  // lengths are the same for all pairs
      continue;
    }
    execute(i, count);
    if (!is_loop_end(instruction.op)) continue;
    const Register loop = program_.operands[instruction.first];
    const Int length = registers_[program_.operands[program_.instructions[loop].first]].integer[0];
    if (++index >= length) continue;
    std::fill_n(registers_[loop].integer, count, index);
    at = begin;
  }
}

void PointMachine::gather(const Instruction& instruction, Lanes& to, std::size_t count) {
  const TensorView& view = launch_.captures[static_cast<std::size_t>(instruction.imm)];
  const auto indices = program_.operands_of(instruction);
  for (std::size_t i = 0; i < count; ++i) {
    Int offset = 0;
    bool inside = true;
    for (std::size_t axis = 0; axis < indices.size(); ++axis) {
      const Int place = place_of_index(registers_[indices[axis]].integer[i], view.shape[axis]);
      inside = inside && place >= 0;
      offset += place * view.strides[axis];
    }
    if (launch_.remote != nullptr) {
      if (instruction.op == Opcode::GatherF) to.real[i] = inside ? launch_.remote->real(view, offset) : 0.0f;
      else if (instruction.op == Opcode::GatherI) to.integer[i] = inside ? launch_.remote->integer(view, offset) : 0;
      else to.truth[i] = inside && launch_.remote->integer(view, offset) != 0;
      continue;
    }
    if (instruction.op == Opcode::GatherF) to.real[i] = inside ? load_real(view, offset) : 0.0f;
    else if (instruction.op == Opcode::GatherI) to.integer[i] = inside ? load_integer(view, offset) : 0;
    else to.truth[i] = inside && load_integer(view, offset) != 0;
  }
}

void PointMachine::execute(Register i, std::size_t count) {
  const Instruction& instruction = program_.instructions[i];
  const Register* operands = program_.operands.data() + instruction.first;
  Lanes& to = registers_[i];
  const Lanes& a = registers_[instruction.count > 0 ? operands[0] : 0];
  const Lanes& b = registers_[instruction.count > 1 ? operands[1] : 0];
  const Lanes& c = registers_[instruction.count > 2 ? operands[2] : 0];
  const auto integers = [&](auto formula) {
    for (std::size_t lane = 0; lane < count; ++lane) to.integer[lane] = formula(lane);
  };
  const auto reals = [&](auto formula) {
    for (std::size_t lane = 0; lane < count; ++lane) to.real[lane] = formula(lane);
  };
  const auto truths = [&](auto formula) {
    for (std::size_t lane = 0; lane < count; ++lane) to.truth[lane] = static_cast<std::uint8_t>(formula(lane));
  };
  using Lane = std::size_t;
  switch (instruction.op) {
    case Opcode::ConstB: truths([&](Lane) { return instruction.imm != 0; }); break;
    case Opcode::ConstI: integers([&](Lane) { return instruction.imm; }); break;
    case Opcode::ConstF: reals([&](Lane) { return std::bit_cast<float>(static_cast<std::uint32_t>(instruction.imm)); }); break;
    case Opcode::Batch: integers([&](Lane) { return b_; }); break;
    case Opcode::Head: integers([&](Lane) { return h_; }); break;
    case Opcode::QIdx: std::memcpy(to.integer, q_, count * sizeof(Int)); break;
    case Opcode::KvIdx: std::memcpy(to.integer, k_, count * sizeof(Int)); break;
    case Opcode::Symbol: integers([&](Lane) { return launch_.symbols[static_cast<std::size_t>(instruction.imm)]; }); break;
    case Opcode::FreshDim: integers([&](Lane) { return launch_.fresh_dims[static_cast<std::size_t>(instruction.imm)]; }); break;
    case Opcode::ParamB: truths([&](Lane) { return launch_.params[static_cast<std::size_t>(instruction.imm)].integer != 0; }); break;
    case Opcode::ParamI: integers([&](Lane) { return launch_.params[static_cast<std::size_t>(instruction.imm)].integer; }); break;
    case Opcode::ParamF: reals([&](Lane) { return launch_.params[static_cast<std::size_t>(instruction.imm)].real; }); break;
    case Opcode::GatherB: case Opcode::GatherI: case Opcode::GatherF: gather(instruction, to, count); break;
    case Opcode::Add: integers([&](Lane l) { return wrap_add(a.integer[l], b.integer[l]); }); break;
    case Opcode::Sub: integers([&](Lane l) { return wrap_sub(a.integer[l], b.integer[l]); }); break;
    case Opcode::Mul: integers([&](Lane l) { return wrap_mul(a.integer[l], b.integer[l]); }); break;
    case Opcode::FloorDiv: integers([&](Lane l) { return floor_div(a.integer[l], b.integer[l]); }); break;
    case Opcode::Mod: integers([&](Lane l) { return floor_mod(a.integer[l], b.integer[l]); }); break;
    case Opcode::Neg: integers([&](Lane l) { return wrap_sub(0, a.integer[l]); }); break;
    case Opcode::Abs: integers([&](Lane l) { return absolute(a.integer[l]); }); break;
    case Opcode::Sign: integers([&](Lane l) { return sign(a.integer[l]); }); break;
    case Opcode::Min: integers([&](Lane l) { return std::min(a.integer[l], b.integer[l]); }); break;
    case Opcode::Max: integers([&](Lane l) { return std::max(a.integer[l], b.integer[l]); }); break;
    case Opcode::And: integers([&](Lane l) { return a.integer[l] & b.integer[l]; }); break;
    case Opcode::Or: integers([&](Lane l) { return a.integer[l] | b.integer[l]; }); break;
    case Opcode::Xor: integers([&](Lane l) { return a.integer[l] ^ b.integer[l]; }); break;
    case Opcode::Not: integers([&](Lane l) { return ~a.integer[l]; }); break;
    case Opcode::Shl: integers([&](Lane l) { return shift_left(a.integer[l], b.integer[l]); }); break;
    case Opcode::Shr: integers([&](Lane l) { return shift_right(a.integer[l], b.integer[l]); }); break;
    case Opcode::ShrLogical: integers([&](Lane l) { return shift_right_logical(a.integer[l], b.integer[l]); }); break;
    case Opcode::RemUnsigned: integers([&](Lane l) { return remainder_unsigned(a.integer[l], b.integer[l]); }); break;
    case Opcode::WrapI32: integers([&](Lane l) { return wrap_i32(a.integer[l]); }); break;
    case Opcode::Eq: truths([&](Lane l) { return a.integer[l] == b.integer[l]; }); break;
    case Opcode::Ne: truths([&](Lane l) { return a.integer[l] != b.integer[l]; }); break;
    case Opcode::Lt: truths([&](Lane l) { return a.integer[l] < b.integer[l]; }); break;
    case Opcode::Le: truths([&](Lane l) { return a.integer[l] <= b.integer[l]; }); break;
    case Opcode::Gt: truths([&](Lane l) { return a.integer[l] > b.integer[l]; }); break;
    case Opcode::Ge: truths([&](Lane l) { return a.integer[l] >= b.integer[l]; }); break;
    case Opcode::SelectI: integers([&](Lane l) { return a.truth[l] ? b.integer[l] : c.integer[l]; }); break;
    case Opcode::AndB: truths([&](Lane l) { return a.truth[l] & b.truth[l]; }); break;
    case Opcode::OrB: truths([&](Lane l) { return a.truth[l] | b.truth[l]; }); break;
    case Opcode::XorB: truths([&](Lane l) { return a.truth[l] ^ b.truth[l]; }); break;
    case Opcode::NotB: truths([&](Lane l) { return a.truth[l] ^ 1; }); break;
    case Opcode::SelectB: truths([&](Lane l) { return a.truth[l] ? b.truth[l] : c.truth[l]; }); break;
    case Opcode::BoolToInt: integers([&](Lane l) { return Int{a.truth[l]}; }); break;
    case Opcode::IntToFloat: reals([&](Lane l) { return static_cast<float>(a.integer[l]); }); break;
    case Opcode::FloatToInt: integers([&](Lane l) { return float_to_int(a.real[l]); }); break;
    case Opcode::BitsOfF: integers([&](Lane l) { return bits_of(a.real[l]); }); break;
    case Opcode::FloatOfBits: reals([&](Lane l) { return float_of_bits(a.integer[l]); }); break;
    case Opcode::IsNan: truths([&](Lane l) { return std::isnan(a.real[l]); }); break;
    case Opcode::IsInf: truths([&](Lane l) { return std::isinf(a.real[l]); }); break;
    case Opcode::AddF: reals([&](Lane l) { return a.real[l] + b.real[l]; }); break;
    case Opcode::SubF: reals([&](Lane l) { return a.real[l] - b.real[l]; }); break;
    case Opcode::MulF: reals([&](Lane l) { return a.real[l] * b.real[l]; }); break;
    case Opcode::DivF: reals([&](Lane l) { return a.real[l] / b.real[l]; }); break;
    case Opcode::FmaF: reals([&](Lane l) { return std::fma(a.real[l], b.real[l], c.real[l]); }); break;
    case Opcode::NegF: reals([&](Lane l) { return -a.real[l]; }); break;
    case Opcode::AbsF: reals([&](Lane l) { return std::fabs(a.real[l]); }); break;
    case Opcode::SignF: reals([&](Lane l) { return float_sign(a.real[l]); }); break;
    case Opcode::MinF: reals([&](Lane l) { return float_min(a.real[l], b.real[l]); }); break;
    case Opcode::MaxF: reals([&](Lane l) { return float_max(a.real[l], b.real[l]); }); break;
    case Opcode::FloorF: reals([&](Lane l) { return std::floor(a.real[l]); }); break;
    case Opcode::CeilF: reals([&](Lane l) { return std::ceil(a.real[l]); }); break;
    case Opcode::RoundF: reals([&](Lane l) { return round_half_even(a.real[l]); }); break;
    case Opcode::SqrtF: reals([&](Lane l) { return std::sqrt(a.real[l]); }); break;
    case Opcode::FloorDivF: reals([&](Lane l) { return float_floor_div(a.real[l], b.real[l]); }); break;
    case Opcode::ModF: reals([&](Lane l) { return float_mod(a.real[l], b.real[l]); }); break;
    case Opcode::EqF: truths([&](Lane l) { return a.real[l] == b.real[l]; }); break;
    case Opcode::NeF: truths([&](Lane l) { return a.real[l] != b.real[l]; }); break;
    case Opcode::LtF: truths([&](Lane l) { return a.real[l] < b.real[l]; }); break;
    case Opcode::LeF: truths([&](Lane l) { return a.real[l] <= b.real[l]; }); break;
    case Opcode::GtF: truths([&](Lane l) { return a.real[l] > b.real[l]; }); break;
    case Opcode::GeF: truths([&](Lane l) { return a.real[l] >= b.real[l]; }); break;
    case Opcode::SelectF: reals([&](Lane l) { return a.truth[l] ? b.real[l] : c.real[l]; }); break;
    case Opcode::Enclose: reals([&](Lane l) { return a.real[l]; }); break;
    case Opcode::LoopBegin: break;
    case Opcode::LoopSumI: integers([&](Lane l) { return wrap_add(to.integer[l], b.integer[l]); }); break;
    case Opcode::LoopMinI: integers([&](Lane l) { return std::min(to.integer[l], b.integer[l]); }); break;
    case Opcode::LoopMaxI: integers([&](Lane l) { return std::max(to.integer[l], b.integer[l]); }); break;
    case Opcode::LoopSumF: reals([&](Lane l) { return to.real[l] + b.real[l]; }); break;
    case Opcode::LoopMinF: reals([&](Lane l) { return float_min(to.real[l], b.real[l]); }); break;
    case Opcode::LoopMaxF: reals([&](Lane l) { return float_max(to.real[l], b.real[l]); }); break;
    case Opcode::Count: break;
  }
}

}  // namespace flexc::tile
