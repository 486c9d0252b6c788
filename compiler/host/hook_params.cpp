#include "compiler/host/hook_params.h"

#include <bit>
#include <numbers>

namespace flexc {
namespace {

std::uint64_t two_floats(float low, float high) {
  return static_cast<std::uint64_t>(std::bit_cast<std::uint32_t>(high)) << 32 | std::bit_cast<std::uint32_t>(low);
}

}  // namespace

std::vector<std::uint64_t> pack_hook_params(const compiler::CudaHooks& hooks, const dsl::NormalForm& form, const dsl::Environment& environment,
                                            std::span<const std::int64_t> fresh, double scale) {
  using Kind = compiler::HookWords::Kind;
  std::vector<std::uint64_t> words;
  const auto add = [&](std::int64_t value) { words.push_back(static_cast<std::uint64_t>(value)); };
  const dsl::Problem& problem = environment.problem;
  for (const compiler::HookWords& piece : hooks.params) {
    switch (piece.kind) {
      case Kind::Problem:
        for (const std::int64_t value : {problem.batch, problem.heads, problem.kv_heads, problem.q_total, problem.kv_total}) add(value);
        break;
      case Kind::Scales: words.push_back(two_floats(static_cast<float>(scale * std::numbers::log2e), static_cast<float>(scale))); break;
      case Kind::Capture: {
        const TensorView& view = environment.captures[piece.index];
        words.push_back(reinterpret_cast<std::uintptr_t>(view.data));
        for (const std::int64_t size : view.shape) add(size);
        for (const std::int64_t stride : view.strides) add(stride);
        break;
      }
      case Kind::Param: {
        const dsl::ParamValue& value = environment.params[piece.index];
        if (form.params[piece.index].type == DType::F32) words.push_back(two_floats(value.real, 0));
        else add(value.integer);
        break;
      }
      case Kind::FreshDim: add(fresh[piece.index]); break;
      case Kind::Launch: case Kind::Divisor: words.resize(words.size() + piece.count); break;
    }
  }
  return words;
}

}  // namespace flexc
