#include "runtime/tile/device_pairs.h"

#include <algorithm>
#include <cstring>

namespace flexc::tile {
namespace {

/// Arrays of several kinds in one block, each aligned.
class Block {
 public:
  template <class T>
  std::size_t add(const std::vector<T>& values) {
    constexpr std::size_t kAlignment = 16;
    bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment);
    const std::size_t at = bytes.size();
    bytes.resize(at + values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(bytes.data() + at, values.data(), values.size() * sizeof(T));
    return at;
  }
  std::vector<std::byte> bytes = std::vector<std::byte>(16);
};

bool is_loop_end(Opcode op) { return op >= Opcode::LoopSumI && op <= Opcode::LoopMaxF; }

PairCapture capture_of(const TensorView& view) {
  PairCapture capture{};
  capture.data = view.data, capture.dtype = static_cast<std::uint32_t>(view.dtype), capture.rank = static_cast<std::uint32_t>(view.rank());
  for (std::size_t axis = 0; axis < std::min<std::size_t>(view.rank(), PairCapture::kMostAxes); ++axis) capture.shape[axis] = view.shape[axis], capture.strides[axis] = view.strides[axis];
  return capture;
}

PairConstant constant_of(const Program& program, const PointMachine& points, Register i) {
  PairConstant constant{{.integer = 0}, i, 0};
  switch (type_of(program.instructions[i].op)) {
    case Type::I64: constant.value.integer = points.integer(i); break;
    case Type::F32: constant.value.real = points.real(i); break;
    case Type::Bool: constant.value.truth = points.truth(i) ? 1 : 0; break;
  }
  return constant;
}

}  // namespace

DevicePairs::DevicePairs(const Plane& plane) : remote_(*plane.binding().launch.remote) {
  static_assert(PairCapture::kMostAxes == kMaxRank);
  const Program& program = plane.binding().program;
  PointMachine points(program, plane.binding().analysis, plane.binding().launch);
  points.set_plane(plane.b(), plane.h());
  std::vector<PairStep> steps;
  std::vector<std::uint32_t> indices, step_of(program.instructions.size(), 0);
  std::vector<bool> varies(program.instructions.size(), false);
  for (const Register i : points.varying()) {
    const Instruction& instruction = program.instructions[i];
    const auto operands = program.operands_of(instruction);
    PairStep step{};
    step.imm = instruction.imm, step.op = static_cast<std::uint32_t>(instruction.op), step.to = i;
    step.a = operands.empty() ? i : operands[0];
    step.b = operands.size() > 1 ? operands[1] : step.a;
    step.c = operands.size() > 2 ? operands[2] : step.a;
    if (operands_of(instruction.op) == "*") {
      step.a = static_cast<std::uint32_t>(indices.size()), step.b = step.c = 0;
      step.count = static_cast<std::uint32_t>(operands.size());
      indices.insert(indices.end(), operands.begin(), operands.end());
    }
    if (is_loop_end(instruction.op)) {
      step.jump = step_of[operands[0]];
      steps[step.jump].jump = static_cast<std::uint32_t>(steps.size());
    }
    varies[i] = true;
    step_of[i] = static_cast<std::uint32_t>(steps.size());
    steps.push_back(step);
  }
  std::vector<PairConstant> constants;
  for (Register i = 0; i < program.instructions.size(); ++i)
    if (!varies[i]) constants.push_back(constant_of(program, points, i));
  std::vector<PairCapture> captures;
  for (const TensorView& view : plane.binding().launch.captures) captures.push_back(capture_of(view));

  Block block;
  const std::size_t steps_at = block.add(steps), indices_at = block.add(indices), captures_at = block.add(captures), constants_at = block.add(constants);
  program_ = taken(remote_.device().allocate(block.bytes.size()));
  taken(remote_.device().copy_in(program_.address, block.bytes.data(), block.bytes.size()));
  arguments_.steps = reinterpret_cast<const PairStep*>(program_.address + steps_at), arguments_.step_count = static_cast<std::uint32_t>(steps.size());
  arguments_.indices = reinterpret_cast<const std::uint32_t*>(program_.address + indices_at);
  arguments_.captures = reinterpret_cast<const PairCapture*>(program_.address + captures_at);
  arguments_.constants = reinterpret_cast<const PairConstant*>(program_.address + constants_at), arguments_.constant_count = static_cast<std::uint32_t>(constants.size());
  arguments_.register_count = static_cast<std::uint32_t>(program.instructions.size()), arguments_.result = program.result;
}

const std::uint8_t* DevicePairs::evaluate(const Int* q_idx, const Int* kv_idx, std::size_t count) {
  const auto blocks = static_cast<std::uint32_t>((count + kTileKernelThreads - 1) / kTileKernelThreads);
  pairs_.clear();
  for (std::size_t i = 0; i < count; ++i) pairs_.push_back({q_idx[i], kv_idx[i]});
  const std::uint64_t at = remote_.scratch(Remote::Scratch::Pairs, count * sizeof(Pair)), kept = remote_.scratch(Remote::Scratch::Verdicts, count);
  const std::size_t register_bytes = std::size_t{arguments_.register_count} * sizeof(PairRegister) * blocks * kTileKernelThreads;
  taken(remote_.device().copy_in(at, pairs_.data(), count * sizeof(Pair)));
  arguments_.pairs = reinterpret_cast<const Pair*>(at), arguments_.pair_count = static_cast<std::uint32_t>(count);
  arguments_.registers = reinterpret_cast<PairRegister*>(remote_.scratch(Remote::Scratch::PairRegisters, register_bytes));
  arguments_.kept = reinterpret_cast<std::uint8_t*>(kept);
  taken(remote_.device().launch(TileKernel::Pairs, blocks, &arguments_));
  kept_.resize(count);
  taken(remote_.device().copy_out(kept_.data(), kept, count));
  return kept_.data();
}

}  // namespace flexc::tile
