// The interpreter's core, as a template over the number of points.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "flexc/dsl/expand_math.h"

namespace flexc::dsl {

/// One register at `width` points. I32 is kept sign-extended, Bool as 0 or 1.
template <std::size_t width>
union Lane {
  float real[width];
  std::int64_t integer[width];
};

struct NoHook {
  template <class... Anything>
  void operator()(const Anything&...) const {}
};

/// `hook(step, registers)` is called before each step.
template <std::size_t width, class Hook = NoHook>
void interpret(const Expansion& expansion, const float* x, const float* y, float* out, std::size_t count, const Hook& hook = {}) {
  thread_local std::vector<Lane<width>> registers;
  if (registers.size() < expansion.steps.size()) registers.resize(expansion.steps.size());
  using Unsigned = std::uint64_t;
  for (std::size_t number = 0; number < expansion.steps.size(); ++number) {
    const Step& step = expansion.steps[number];
    hook(step, registers.data());
    Lane<width>& to = registers[number];
    const Lane<width>&a = registers[step.operands[0]], &b = registers[step.operands[1]], &c = registers[step.operands[2]];
    const bool is_i32 = step.type == RegisterType::I32;
    const auto reals = [&](auto formula) {
      for (std::size_t i = 0; i < width; ++i) to.real[i] = formula(i);
    };
    const auto booleans = [&](auto formula) {
      for (std::size_t i = 0; i < width; ++i) to.integer[i] = formula(i);
    };
    const auto integers = [&](auto formula) {
      for (std::size_t i = 0; i < width; ++i) to.integer[i] = static_cast<std::int64_t>(formula(i));
      if (is_i32)
        for (std::size_t i = 0; i < width; ++i) to.integer[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(to.integer[i]));
    };
    const auto count_mask = is_i32 ? Unsigned{31} : Unsigned{63};
    const auto value_mask = is_i32 ? Unsigned{0xFFFFFFFF} : ~Unsigned{0};
    const auto u = [](std::int64_t value) { return static_cast<Unsigned>(value); };
    switch (step.op) {
      case StepOp::Input: {
        const float* from = step.imm == 0 ? x : y;
        for (std::size_t i = 0; i < width; ++i) to.real[i] = from != nullptr ? from[i < count ? i : 0] : 0.0f;
        break;
      }
      case StepOp::Constant:
        if (step.type == RegisterType::F32) reals([&](std::size_t) { return std::bit_cast<float>(static_cast<std::uint32_t>(step.imm)); });
        else booleans([&](std::size_t) { return step.imm; });
        break;
      case StepOp::AddF: reals([&](std::size_t i) { return a.real[i] + b.real[i]; }); break;
      case StepOp::SubF: reals([&](std::size_t i) { return a.real[i] - b.real[i]; }); break;
      case StepOp::MulF: reals([&](std::size_t i) { return a.real[i] * b.real[i]; }); break;
      case StepOp::DivF: reals([&](std::size_t i) { return a.real[i] / b.real[i]; }); break;
      case StepOp::FmaF: reals([&](std::size_t i) { return std::fma(a.real[i], b.real[i], c.real[i]); }); break;
      case StepOp::SqrtF: reals([&](std::size_t i) { return std::sqrt(a.real[i]); }); break;
      case StepOp::NegF: reals([&](std::size_t i) { return -a.real[i]; }); break;
      case StepOp::AbsF: reals([&](std::size_t i) { return std::fabs(a.real[i]); }); break;
      case StepOp::FloorF: reals([&](std::size_t i) { return std::floor(a.real[i]); }); break;
      case StepOp::RoundEvenF: reals([&](std::size_t i) { return std::nearbyint(a.real[i]); }); break;
      case StepOp::EqF: booleans([&](std::size_t i) { return a.real[i] == b.real[i]; }); break;
      case StepOp::LtF: booleans([&](std::size_t i) { return a.real[i] < b.real[i]; }); break;
      case StepOp::LeF: booleans([&](std::size_t i) { return a.real[i] <= b.real[i]; }); break;
      case StepOp::AddI: integers([&](std::size_t i) { return u(a.integer[i]) + u(b.integer[i]); }); break;
      case StepOp::SubI: integers([&](std::size_t i) { return u(a.integer[i]) - u(b.integer[i]); }); break;
      case StepOp::MulI: integers([&](std::size_t i) { return u(a.integer[i]) * u(b.integer[i]); }); break;
      case StepOp::AndI: integers([&](std::size_t i) { return a.integer[i] & b.integer[i]; }); break;
      case StepOp::OrI: integers([&](std::size_t i) { return a.integer[i] | b.integer[i]; }); break;
      case StepOp::XorI: integers([&](std::size_t i) { return a.integer[i] ^ b.integer[i]; }); break;
      case StepOp::ShlI: integers([&](std::size_t i) { return u(a.integer[i]) << (u(b.integer[i]) & count_mask); }); break;
      case StepOp::ShrLogicalI: integers([&](std::size_t i) { return (u(a.integer[i]) & value_mask) >> (u(b.integer[i]) & count_mask); }); break;
      case StepOp::ShrArithI: integers([&](std::size_t i) { return a.integer[i] >> (u(b.integer[i]) & count_mask); }); break;
      case StepOp::RemUnsignedI: integers([&](std::size_t i) { return b.integer[i] == 0 ? 0 : u(a.integer[i]) % u(b.integer[i]); }); break;
      case StepOp::EqI: booleans([&](std::size_t i) { return a.integer[i] == b.integer[i]; }); break;
      case StepOp::LtI: booleans([&](std::size_t i) { return a.integer[i] < b.integer[i]; }); break;
      case StepOp::AndB: booleans([&](std::size_t i) { return a.integer[i] & b.integer[i]; }); break;
      case StepOp::OrB: booleans([&](std::size_t i) { return a.integer[i] | b.integer[i]; }); break;
      case StepOp::NotB: booleans([&](std::size_t i) { return a.integer[i] ^ 1; }); break;
      case StepOp::Select:
        if (step.type == RegisterType::F32) reals([&](std::size_t i) { return a.integer[i] ? b.real[i] : c.real[i]; });
        else booleans([&](std::size_t i) { return a.integer[i] ? b.integer[i] : c.integer[i]; });
        break;
      case StepOp::BitsOfF: booleans([&](std::size_t i) { return std::bit_cast<std::int32_t>(a.real[i]); }); break;
      case StepOp::FloatOfBits: reals([&](std::size_t i) { return std::bit_cast<float>(static_cast<std::int32_t>(a.integer[i])); }); break;
      case StepOp::ZeroExtend: booleans([&](std::size_t i) { return a.integer[i] & 0xFFFFFFFF; }); break;
      case StepOp::SignExtend: booleans([&](std::size_t i) { return a.integer[i]; }); break;
      case StepOp::Truncate: integers([&](std::size_t i) { return a.integer[i]; }); break;
      case StepOp::FloatOfI32: case StepOp::FloatOfI64: reals([&](std::size_t i) { return static_cast<float>(a.integer[i]); }); break;
      case StepOp::I32OfF: case StepOp::I64OfF:
        booleans([&](std::size_t i) { return std::fabs(a.real[i]) < 0x1p63f ? static_cast<std::int64_t>(a.real[i]) : 0; });
        break;
    }
  }
  for (std::size_t i = 0; i < count; ++i) out[i] = registers[expansion.result].real[i];
}

}  // namespace flexc::dsl
