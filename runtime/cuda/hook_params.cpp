#include "runtime/cuda/hook_params.h"

#include <bit>
#include <cstring>
#include <numbers>

#include "templates/hooks.cuh"

namespace flexc::runtime {
namespace {

/// The words behind the mods' own in Stepped<Hooks>::Params.
struct StepWords {
  std::uint64_t q_origin, q_step, kv_origin, kv_offset;
  mods::Divisor kv_step;
};
static_assert(sizeof(StepWords) == kStepWords * sizeof(std::uint64_t));

StepWords step_words(const PositionMap& q, const PositionMap& kv) {
  const auto bits = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  // offset + step·i = origin + step·(offset + i), modulo 2^64.
  const auto origin = [&bits](const PositionMap& map) { return bits(map.offset) - bits(map.step) * bits(map.offset); };
  return {origin(q), bits(q.step), origin(kv), bits(kv.offset), mods::make_divisor(kv.step)};
}

std::uint64_t two_floats(float low, float high) {
  return static_cast<std::uint64_t>(std::bit_cast<std::uint32_t>(high)) << 32 | std::bit_cast<std::uint32_t>(low);
}

bool fits(const HookWords& piece, const HookCall& call, const LaunchWords& launch) {
  switch (piece.kind) {
    case HookWords::Kind::Problem: case HookWords::Kind::Scales: return true;
    case HookWords::Kind::Capture: return piece.index < call.captures.size() && piece.count == 1 + 2 * call.captures[piece.index].rank();
    case HookWords::Kind::Param: return piece.index < call.params.size();
    case HookWords::Kind::FreshDim: return piece.index < call.fresh_dims.size();
    case HookWords::Kind::Launch: return piece.index < launch.values.size();
    case HookWords::Kind::Divisor: return piece.index < launch.divisors.size();
    case HookWords::Kind::Steps: return piece.count == kStepWords;
  }
  return false;
}

}  // namespace

Result<std::vector<std::uint64_t>> pack_hook_params(std::span<const HookWords> layout, const LaunchProgram& launch, const HookCall& call) {
  std::vector<tile::Launch::Param> params;
  for (const HookCall::Param& param : call.params) params.push_back({param.integer, param.real});
  const auto evaluated = evaluate(launch, {call.symbols, params, call.fresh_dims, static_cast<float>(call.scale)});
  if (!evaluated) return std::unexpected(evaluated.error());

  std::vector<std::uint64_t> words;
  const auto add = [&](std::int64_t value) { words.push_back(static_cast<std::uint64_t>(value)); };
  for (const HookWords& piece : layout) {
    if (!fits(piece, call, *evaluated)) return std::unexpected(Error{ErrorKind::Internal, "the call does not fit the layout of the kernel's params"});
    switch (piece.kind) {
      case HookWords::Kind::Problem:
        for (const std::int64_t symbol : call.symbols) add(symbol);
        break;
      case HookWords::Kind::Scales: words.push_back(two_floats(static_cast<float>(call.scale * std::numbers::log2e), static_cast<float>(call.scale))); break;
      case HookWords::Kind::Capture: {
        const TensorView& view = call.captures[piece.index];
        words.push_back(reinterpret_cast<std::uintptr_t>(view.data));
        for (const std::int64_t size : view.shape) add(size);
        for (const std::int64_t stride : view.strides) add(stride);
        break;
      }
      case HookWords::Kind::Param: {
        const HookCall::Param& param = call.params[piece.index];
        if (param.is_real) words.push_back(two_floats(param.real, 0));
        else add(param.integer);
        break;
      }
      case HookWords::Kind::FreshDim: add(call.fresh_dims[piece.index]); break;
      case HookWords::Kind::Launch: words.push_back(evaluated->values[piece.index]); break;
      case HookWords::Kind::Divisor:
        for (const std::uint64_t word : evaluated->divisors[piece.index]) words.push_back(word);
        break;
      case HookWords::Kind::Steps: {
        const StepWords steps = step_words(call.q_positions, call.kv_positions);
        words.resize(words.size() + kStepWords);
        std::memcpy(&words[words.size() - kStepWords], &steps, sizeof steps);
        break;
      }
    }
  }
  return words;
}

}  // namespace flexc::runtime
