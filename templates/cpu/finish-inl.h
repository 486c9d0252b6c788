// A group's rows become outputs: what they are multiplied by, and storing them. Included once for each instruction set.
#if defined(FLEXC_CPU_FINISH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_FINISH_INL_H_
#undef FLEXC_CPU_FINISH_INL_H_
#else
#define FLEXC_CPU_FINISH_INL_H_
#endif

#include <optional>

#include "templates/cpu/direct-inl.h"
#include "templates/cpu/finish.h"
#include "templates/cpu/flush_tiny.h"
#include "templates/cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// The sums of a group's weights: [kGroupRows].
inline void total_sums(const Group& group, float* totals) {
  const Floats d;
  for (int first = 0; first < static_cast<int>(kGroupRows); first += kQuad) {
    Vector sums[kQuad][kPanelVectors];
    for (int row = 0; row < kQuad; ++row)
      for (std::size_t i = 0; i < kPanelVectors; ++i) sums[row][i] = hn::Load(d, group.sums + (first + row) * kPanel + static_cast<std::int64_t>(i * kLanes));
    store_sums(sums, totals + first);
  }
}

/// What a group's outputs are to be multiplied by, [kGroupRows], once the sums of its weights are known, and its statistics. `flush`, if it is in force: statistics are found without it.
inline void find_ends(const Plan& plan, const Group& group, const FlushTiny* flush, float* ends) {
  alignas(64) float totals[kGroupRows];
  total_sums(group, totals);
  if (!plan.has_plain_ends() || group.saw_some()) {
    std::optional<FlushTiny::Pause> pause;
    if (flush) pause.emplace(*flush);
    end_rows(plan, group, totals, ends);
    return;
  }
  // As end_rows has it, to the bit: by way of a double the quotient of two floats is not rounded otherwise. As many lanes as store_sums stores at once: a longer load would wait for its stores.
  const hn::CappedTag<float, kQuad> d;
  for (std::size_t i = 0; i < static_cast<std::size_t>(kGroupRows); i += hn::Lanes(d)) {
    const auto sum = hn::Load(d, totals + i);
    hn::Store(hn::IfThenZeroElse(hn::Eq(sum, hn::Zero(d)), hn::Div(hn::Set(d, 1.0f), sum)), d, ends + i);
  }
}

/// Writes the group's rows, if its last products have not.
inline void finish_group(const Plan& plan, const Group& group) {
  if (group.end == GroupEnd::Written) return;
  alignas(64) float ends[kGroupRows];
  find_ends(plan, group, nullptr, ends);
  const FlushTiny flush;  // as last products do it
  for (int row = 0; row < group.place.rows; ++row) store_row(plan.call.dtype, group.o + row * plan.value_padded, ends[row], plan.call.value_dim, output_address(plan, group.place, row));
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
