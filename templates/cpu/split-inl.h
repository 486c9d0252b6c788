// Keys cut into splits: each leaves the state of its rows in memory, and the states are merged in order. Included once for each
// instruction set.
#if defined(FLEXC_CPU_SPLIT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_SPLIT_INL_H_
#undef FLEXC_CPU_SPLIT_INL_H_
#else
#define FLEXC_CPU_SPLIT_INL_H_
#endif

#include <cstring>

#include "templates/cpu/softmax-inl.h"
#include "templates/cpu/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// A row's state: o, sums, then its maximum and what the careful path saw.
struct RowState {
  float *o, *sums, *rest;
  RowState(const Plan& plan, float* memory) : o(memory), sums(memory + plan.value_padded), rest(memory + plan.value_padded + kPanel) {}
  float& top() const { return rest[0]; }
  float& saw_nan() const { return rest[1]; }
  float& saw_infinity() const { return rest[2]; }
};

/// The row's state in a group → memory.
inline void store_state(const Plan& plan, const Group& group, int row, float* memory) {
  const RowState state(plan, memory);
  std::copy_n(group.o + row * plan.value_padded, plan.value_padded, state.o);
  std::copy_n(group.sums + row * kPanel, kPanel, state.sums);
  state.top() = group.top[row];
  state.saw_nan() = group.saw_nan[row];
  state.saw_infinity() = group.saw_infinity[row];
}

/// to = to * to_factor + from * from_factor.
HWY_INLINE void blend(const float* HWY_RESTRICT from, float from_factor, std::int64_t count, float to_factor, float* HWY_RESTRICT to) {
  const Floats d;
  const Vector a = hn::Set(d, to_factor), b = hn::Set(d, from_factor);
  for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(kLanes))
    hn::Store(hn::MulAdd(b, hn::Load(d, from + i), hn::Mul(a, hn::Load(d, to + i))), d, to + i);
}

/// Adds a later split's state to the row's state in a group. A split that kept nothing changes no bit.
inline void merge_state(const Plan& plan, float* memory, int row, Group& group) {
  const RowState state(plan, memory);
  const float old_top = group.top[row], top = state.top() > old_top ? state.top() : old_top;
  const float base = top == -std::numeric_limits<float>::infinity() ? 0.0f : top;
  const float old_factor = exp2_of_scalar(old_top - base), factor = exp2_of_scalar(state.top() - base);
  blend(state.o, factor, plan.value_padded, old_factor, group.o + row * plan.value_padded);
  blend(state.sums, factor, kPanel, old_factor, group.sums + row * kPanel);
  group.top[row] = top;
  group.saw_nan[row] |= state.saw_nan() != 0;
  group.saw_infinity[row] |= state.saw_infinity() != 0;
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
