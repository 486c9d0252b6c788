// Runs expansions: one register at a time over a block of points, so that many points cost little more than one.
#include <algorithm>
#include <bit>
#include <cmath>

#include "dsl/math/interpret.h"

namespace flexc::dsl {
namespace {

constexpr std::size_t kBlock = 256;

}  // namespace

float evaluate_expansion(const Expansion& expansion, float x, float y) {
  float out;
  interpret<1>(expansion, &x, &y, &out, 1);
  return out;
}

void evaluate_expansion(const Expansion& expansion, std::span<const float> x, std::span<const float> y, std::span<float> out) {
  const std::size_t count = std::min(x.size(), out.size());
  for (std::size_t first = 0; first < count; first += kBlock)
    interpret<kBlock>(expansion, x.data() + first, y.empty() ? nullptr : y.data() + first, out.data() + first, std::min(kBlock, count - first));
}

std::string check_expansion(const Expansion& expansion, float x, float y) {
  float out;
  std::string violation;
  interpret<1>(expansion, &x, &y, &out, 1, [&](const Step& step, const Lane<1>* registers) {
    const auto integer = [&](int operand) {
      const std::int64_t value = registers[step.operands[operand]].integer[0];
      return step.type == RegisterType::I32 ? static_cast<std::int32_t>(value) : value;
    };
    bool fine = true;
    switch (step.op) {
      case StepOp::ShlI: case StepOp::ShrLogicalI: case StepOp::ShrArithI:
        fine = integer(1) >= 0 && integer(1) < (step.type == RegisterType::I32 ? 32 : 64);
        break;
      case StepOp::RemUnsignedI: fine = integer(1) != 0; break;
      case StepOp::I32OfF: case StepOp::I64OfF: {
        const float value = registers[step.operands[0]].real[0];
        fine = std::fabs(value) <= (step.op == StepOp::I32OfF ? 0x1p30f : 0x1p62f) && std::floor(value) == value;
        break;
      }
      default: break;
    }
    if (!fine && violation.empty()) violation = std::string(name_of(step.op)) + " of an operand that it does not accept";
  });
  return violation;
}

}  // namespace flexc::dsl
