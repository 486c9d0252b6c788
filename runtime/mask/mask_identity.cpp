#include "runtime/mask/mask_identity.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <new>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include "templates/tile/interval.h"

namespace flexc::runtime {
namespace {

using tile::Instruction;
using tile::Int;
using tile::IntRange;
using tile::Opcode;
using tile::Register;
using tile::sabotaged;
using tile::Sabotage;

bool is_gather(Opcode op) { return op >= Opcode::GatherB && op <= Opcode::GatherF; }

std::string digits(XXH128_hash_t hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

/// What registers that no position changes are within, in this call; other registers may be anything.
std::vector<IntRange> ranges_of(const tile::Program& program, const tile::Analysis& analysis, const tile::Launch& launch, const BlockMask& frame) {
  std::vector<IntRange> ranges(program.instructions.size());
  for (Register i = 0; i < program.instructions.size(); ++i) {
    const Instruction& at = program.instructions[i];
    if (analysis.depends[i] & (tile::kOnQ | tile::kOnKv)) continue;
    const auto operand = [&](std::size_t n) { return ranges[program.operands_of(at)[n]]; };
    const auto point = [&](Int value) { ranges[i] = {value, value}; };
    switch (at.op) {
      case Opcode::ConstI: point(at.imm); break;
      case Opcode::Symbol: point(launch.symbols[static_cast<std::size_t>(at.imm)]); break;
      case Opcode::FreshDim: point(launch.fresh_dims[static_cast<std::size_t>(at.imm)]); break;
      case Opcode::ParamI: point(launch.params[static_cast<std::size_t>(at.imm)].integer); break;
      case Opcode::Batch: ranges[i] = {0, std::max<Int>(frame.batches - 1, 0)}; break;
      case Opcode::Head: ranges[i] = {0, std::max<Int>(frame.heads - 1, 0)}; break;
      case Opcode::Add: ranges[i] = add(operand(0), operand(1)); break;
      case Opcode::Sub: ranges[i] = subtract(operand(0), operand(1)); break;
      case Opcode::Mul: ranges[i] = multiply(operand(0), operand(1)); break;
      case Opcode::FloorDiv: ranges[i] = floor_div(operand(0), operand(1)); break;
      case Opcode::Mod: ranges[i] = floor_mod(operand(0), operand(1)); break;
      default: break;
    }
  }
  return ranges;
}

/// Elements first … end−1 of each axis.
struct Part {
  std::vector<Int> first, end;
};

/// Where indices in `range` lead on an axis; indices from the end lead anywhere.
IntRange places(IntRange range, Int extent) {
  if (range.lo < 0) return {0, extent - 1};
  return {std::min(range.lo, extent), std::min(range.hi, extent - 1)};
}

class Digest {
 public:
  Digest() : state_(XXH3_createState()) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }
  void add(const void* bytes, std::size_t size) { XXH3_128bits_update(state_.get(), bytes, size); }
  std::string text() const { return digits(XXH3_128bits_digest(state_.get())); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

std::string digest_of(const TensorView& view, const Part& part) {
  Digest digest;
  if (sabotaged(Sabotage::DigestOfPointer)) {
    digest.add(&view.data, sizeof view.data);
    return digest.text();
  }
  const std::size_t rank = view.rank(), size = size_of(view.dtype);
  const auto* const base = static_cast<const std::byte*>(view.data);
  for (std::size_t axis = 0; axis < rank; ++axis)
    if (part.first[axis] >= part.end[axis]) return digest.text();
  // The innermost axes that lie together in memory are one stretch.
  std::size_t inner = rank;
  Int run = 1;
  while (inner > 0 && view.strides[inner - 1] == run) {
    --inner;
    const bool whole = part.first[inner] == 0 && part.end[inner] == view.shape[inner];
    run *= part.end[inner] - part.first[inner];
    if (!whole) break;
  }
  std::vector<std::byte> row;
  std::vector<Int> at = part.first;
  for (;;) {
    Int offset = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) offset += at[axis] * view.strides[axis];
    Int count = run;
    if (sabotaged(Sabotage::DigestSkipsLastElement)) --count;
    digest.add(base + offset * static_cast<Int>(size), static_cast<std::size_t>(count) * size);
    if (sabotaged(Sabotage::DigestOfFirstStretch)) break;
    std::size_t axis = inner;
    while (axis > 0 && ++at[axis - 1] == part.end[axis - 1]) {
      at[axis - 1] = part.first[axis - 1];
      --axis;
    }
    if (axis == 0) break;
  }
  return digest.text();
}

}  // namespace

MaskIdentity::MaskIdentity(const tile::Program& program) : program_(program), live_(program.instructions.size(), false), analysis_(program) {
  live_[program.result] = true;
  for (std::size_t i = live_.size(); i-- > 0;)
    if (live_[i])
      for (const Register operand : program.operands_of(program.instructions[i])) live_[operand] = true;
  const std::vector<std::byte> bytes = serialize(program);
  program_text_ = fmt::format("program: {}\n{}", digits(XXH3_128bits(bytes.data(), bytes.size())), print(program));
}

std::string MaskIdentity::captures_text(const tile::Launch& launch, const BlockMask& frame) const {
  const std::vector<IntRange> ranges = ranges_of(program_, analysis_, launch, frame);
  std::vector<std::optional<Part>> parts(program_.captures.size());
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const Instruction& at = program_.instructions[i];
    if (!live_[i] || !is_gather(at.op)) continue;
    const TensorView& view = launch.captures[static_cast<std::size_t>(at.imm)];
    std::optional<Part>& part = parts[static_cast<std::size_t>(at.imm)];
    if (!part) part.emplace(Part{view.shape, std::vector<Int>(view.rank(), 0)});
    for (std::size_t axis = 0; axis < view.rank(); ++axis) {
      const Register index = program_.operands_of(at)[axis];
      // What positions index is summarised whole, and a summary of all of it decides how tiles are found.
      const bool moves = (analysis_.depends[index] & (tile::kOnQ | tile::kOnKv)) != 0;
      const IntRange range = moves ? IntRange{0, view.shape[axis] - 1} : places(ranges[index], view.shape[axis]);
      part->first[axis] = std::min(part->first[axis], range.lo);
      part->end[axis] = std::max(part->end[axis], range.hi + 1);
    }
  }
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i]) continue;
    const TensorView& view = launch.captures[i];
    text += fmt::format("c{}: {}[{}] elements [{}] to [{}]: {}\n", i, name_of(view.dtype), fmt::join(view.shape, ", "), fmt::join(parts[i]->first, ", "),
                        fmt::join(parts[i]->end, ", "), digest_of(view, *parts[i]));
  }
  return text;
}

std::string MaskIdentity::text(const tile::Launch& launch, const BlockMask& frame) const {
  std::string text;
  if (!sabotaged(Sabotage::IdentityForgetsLengths))
    text += fmt::format("lengths: {} {}\noffsets: {} {}\nsteps: {} {}\n", frame.q_len, frame.kv_len, frame.q_offset, frame.kv_offset, frame.q_step, frame.kv_step);
  std::uint8_t planes = 0;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (!live_[i]) continue;
    const Instruction& at = program_.instructions[i];
    const auto number = static_cast<std::size_t>(at.imm);
    switch (at.op) {
      case Opcode::Batch: planes |= tile::kOnBatch; break;
      case Opcode::Head: planes |= tile::kOnHead; break;
      case Opcode::Symbol: text += fmt::format("v{}: {}\n", i, launch.symbols[number]); break;
      case Opcode::FreshDim: text += fmt::format("v{}: {}\n", i, launch.fresh_dims[number]); break;
      case Opcode::ParamB: case Opcode::ParamI:
        if (!sabotaged(Sabotage::IdentityForgetsParams)) text += fmt::format("v{}: {}\n", i, launch.params[number].integer);
        break;
      case Opcode::ParamF: text += fmt::format("v{}: {:08x}\n", i, std::bit_cast<std::uint32_t>(launch.params[number].real)); break;
      default: break;
    }
  }
  if (planes & tile::kOnBatch) text += fmt::format("batches: {}\n", frame.batches);
  if (planes & tile::kOnHead) text += fmt::format("heads: {}\n", frame.heads);
  return text + captures_text(launch, frame) + program_text_;
}

std::array<std::uint64_t, 2> origin_of(const std::string& identity) {
  const XXH128_hash_t hash = XXH3_128bits(identity.data(), identity.size());
  return {hash.low64 | 1, hash.high64};
}

}  // namespace flexc::runtime
