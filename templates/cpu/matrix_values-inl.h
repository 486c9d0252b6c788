// O = O + P V on the machine's matrix unit. Weights go to memory for it, but only just before they are multiplied. There are two ways: 16 rows and four panels of values at a time, with
// outputs that stay in the unit for a whole tile; and 32 rows and two panels, which read V half as often, while the next weights are found. The second one pays where a product
// of numbers is six products of parts, in f32. Included once for each instruction set.
#if defined(FLEXC_CPU_MATRIX_VALUES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_MATRIX_VALUES_INL_H_
#undef FLEXC_CPU_MATRIX_VALUES_INL_H_
#else
#define FLEXC_CPU_MATRIX_VALUES_INL_H_
#endif

#include <span>
#include <utility>

#include "templates/cpu/matrix-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// Value panels that are multiplied at once for 16 rows: tiles 0 to 3 hold their outputs.
inline constexpr std::int64_t kPanelsAtOnce = 4;

/// Where the weights of 16 rows are, a chunk of columns after the other. If all values are multiplied at once, two places are enough, which stay in L1.
template <int kParts>
struct WeightPlaces {
  WeightPlaces(const Plan& plan, std::uint16_t* memory) : p(memory), mask(plan.value_padded <= kPanelsAtOnce * kPanel ? 1 : -1) {}
  std::uint16_t* at(int chunk) const { return p + (chunk & mask) * kWeightTiles<kParts>; }
  std::uint16_t* p;
  int mask;
};

/// The products with V's part kPart of two panels of values, in the order of part_products; P's parts in tiles 4 and 5.
template <class Tiles, int kParts, int kPart, int kFirst, bool kTwo>
HWY_INLINE void multiply_two_panels(const float* values) {
  Tiles::template load_once<6>(values, kTileRowBytes);
  if constexpr (kTwo) Tiles::template load_once<7>(values + kTileFloats, kTileRowBytes);
  constexpr auto kProducts = part_products<kWeightParts<kParts>, kParts>();
#pragma GCC unroll 6
  for (std::size_t i = 0; i < kProducts.size(); ++i) {
    if (kProducts[i].b != kPart) continue;
    if (kProducts[i].a == 0) {
      Tiles::template multiply<kFirst, 4, 6>();
      if constexpr (kTwo) Tiles::template multiply<kFirst + 1, 4, 7>();
    } else {
      Tiles::template multiply<kFirst, 5, 6>();
      if constexpr (kTwo) Tiles::template multiply<kFirst + 1, 5, 7>();
    }
  }
}

/// O += P V for 16 rows and kPanels panels of values over `chunks`. Calls weigh(chunk), which writes the weights to their place, right before they are multiplied.
template <class Tiles, int kParts, int kPanels, class Weigh>
HWY_INLINE void multiply_sixteen(const Plan& plan, const WeightPlaces<kParts>& places, const float* v, std::uint32_t chunks, float* o, const Weigh& weigh) {
  static_assert(kWeightParts<kParts> == 2);
  const std::int64_t v_part = plan.value_padded / kPanel * kTileFloats;
  load_outputs<Tiles, 1, kPanels>(o, plan.value_padded);
  for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) {
    const int chunk = std::countr_zero(rest);
    weigh(chunk);
    Tiles::template load<4>(places.at(chunk), kTileRowBytes), Tiles::template load<5>(places.at(chunk) + kWeightTile, kTileRowBytes);
    const float* const values = v + chunk * v_chunk_floats(plan);
    const auto with_part = [&]<int kPart>() {
      multiply_two_panels<Tiles, kParts, kPart, 0, (kPanels > 1)>(values + kPart * v_part);
      if constexpr (kPanels > 2) multiply_two_panels<Tiles, kParts, kPart, 2, (kPanels > 3)>(values + kPart * v_part + 2 * kTileFloats);
    };
    if constexpr (kParts > 1) with_part.template operator()<1>();
    with_part.template operator()<0>();
  }
  store_outputs<Tiles, 1, kPanels>(o, plan.value_padded);
}

/// The weights of 16 rows, which are found with the first panels of values, and O += P V.
template <class Tiles, int kParts>
HWY_NOINLINE void weigh_and_multiply_sixteen(const Plan& plan, const WeighedRows& rows, std::uint16_t* p, const float* v, float* o) {
  constexpr int kRowsAtOnce = kPanelVectors == 1 ? 2 : 1;
  const WeightPlaces<kParts> places(plan, p);
  const auto weigh = [&](int chunk) {
    WeighedRow at(plan, rows, 0, chunk, places.at(chunk));
    for (std::int64_t row = 0; row < kTileRows; row += kRowsAtOnce, at.advance(plan, kRowsAtOnce)) weigh_active_rows<kParts, kRowsAtOnce>(plan, at, active_of(rows, row, chunk));
  };
  const auto multiply = [&](std::int64_t first, const auto& before) {
    const float* const values = v + first * kTileFloats;
    float* const outputs = o + first * kPanel;
    switch (std::min(plan.value_padded / kPanel - first, kPanelsAtOnce)) {
      case 1: return multiply_sixteen<Tiles, kParts, 1>(plan, places, values, rows.chunks, outputs, before);
      case 2: return multiply_sixteen<Tiles, kParts, 2>(plan, places, values, rows.chunks, outputs, before);
      case 3: return multiply_sixteen<Tiles, kParts, 3>(plan, places, values, rows.chunks, outputs, before);
      default: return multiply_sixteen<Tiles, kParts, 4>(plan, places, values, rows.chunks, outputs, before);
    }
  };
  multiply(0, weigh);
  for (std::int64_t first = kPanelsAtOnce; first < plan.value_padded / kPanel; first += kPanelsAtOnce) multiply(first, [](int) {});
}

/// Finds the weights of 32 rows in some chunks, a few rows at a time. What a step has to work out is little: it delays the products that it is beside.
template <int kParts>
class Weighing {
 public:
  Weighing(const Plan& plan, const WeighedHalves& halves) : plan_(plan), halves_(halves) {}
  /// Of `chunks` → P, `p`, spread over `calls` of step().
  void start(std::span<const int> chunks, std::uint16_t* p, std::int64_t calls) {
    chunks_ = chunks, p_ = p, half_ = 0;
    pace_.start(static_cast<std::int64_t>(chunks.size()) * kStepsAChunk, calls);
    if (!chunks.empty()) enter_half();
  }
  void step() {
    pace_.call([&](std::int64_t) { weigh(); });
  }
  void finish() {
    pace_.finish([&](std::int64_t) { weigh(); });
  }

 private:
  static constexpr std::int64_t kRowsAStep = kPanelVectors == 1 ? 2 : 1, kStepsAChunk = 2 * kTileRows / kRowsAStep;
  HWY_NOINLINE void weigh() {
    weigh_active_rows<kParts, static_cast<int>(kRowsAStep)>(plan_, at_, active_of(*rows_, row_, chunk_));
    at_.advance(plan_, kRowsAStep);
    row_ += kRowsAStep;
    if (row_ == kTileRows && ++half_ < 2 * chunks_.size()) enter_half();
  }
  /// A half of the rows, in a chunk.
  void enter_half() {
    chunk_ = chunks_[half_ / 2], rows_ = &halves_[half_ % 2], row_ = 0;
    at_ = WeighedRow(plan_, *rows_, 0, chunk_, p_ + static_cast<std::int64_t>(half_) * kWeightTiles<kParts>);
  }

  const Plan& plan_;
  const WeighedHalves& halves_;
  std::span<const int> chunks_;
  std::uint16_t* p_ = nullptr;
  std::size_t half_ = 0;  ///< of the chunks, two of each, in their order
  const WeighedRows* rows_ = nullptr;
  int chunk_ = 0;
  std::int64_t row_ = 0;
  WeighedRow at_;
  Pace pace_;
};

/// What is done beside products of parts: reading ahead, and weights.
template <int kParts>
struct Beside {
  const Plan& plan;
  Ahead& ahead;
  Weighing<kParts>& weighing;
  void operator()() const { ahead.step(plan), weighing.step(); }
};

/// O += P V for kHalves times 16 rows and kPanels panels of values, over the chunks of columns whose V is at v[0], v[1] …
template <class Tiles, int kParts, int kHalves, int kPanels, class Between>
HWY_NOINLINE void matrix_pv_panels(const Plan& plan, const std::uint16_t* p, std::span<const float* const> v, float* o, const Between& between) {
  load_outputs<Tiles, kHalves, kPanels>(o, plan.value_padded);
  for (const float* const values : v) {
    multiply_parts<Tiles, kWeightParts<kParts>, kParts, kHalves, kPanels>({p, kTileRowBytes, kWeightTiles<kParts>, kWeightTile},
                                                                          {values, kTileRowBytes, kTileFloats, plan.value_padded / kPanel * kTileFloats}, between);
    p += 2 * kWeightTiles<kParts>;
  }
  store_outputs<Tiles, kHalves, kPanels>(o, plan.value_padded);
}

/// The same for all values, two panels at a time.
template <class Tiles, int kParts, int kHalves, class Between>
HWY_INLINE void matrix_pv(const Plan& plan, const std::uint16_t* p, std::span<const float*> v, float* o, const Between& between) {
  for (std::int64_t left = plan.value_padded / kPanel; left > 0; left -= 2, o += 2 * kPanel) {
    left > 1 ? matrix_pv_panels<Tiles, kParts, kHalves, 2>(plan, p, v, o, between) : matrix_pv_panels<Tiles, kParts, kHalves, 1>(plan, p, v, o, between);
    for (const float*& values : v) values += 2 * kTileFloats;
  }
}

/// The weights of 32 rows, O += P V, and the scores of those that come next, in the same S. The weights of some chunks are found while those before them are multiplied, and while the
/// next scores are that take their place: exponentials and the unit work side by side.
template <class Tiles, int kParts>
HWY_NOINLINE void weigh_and_multiply_together(const Plan& plan, const WeighedHalves& halves, std::uint16_t* p, const float* v, float* o, const ScoredRows& next, Ahead& ahead) {
  std::array<int, kMaxPanels / 2> chunks;
  std::size_t count = 0;
  for (std::uint32_t rest = halves[0].chunks | halves[1].chunks; rest != 0; rest &= rest - 1) chunks[count++] = std::countr_zero(rest);
  const auto needs = [&](std::size_t i, std::size_t half) { return (halves[half].chunks >> chunks[i] & 1) != 0; };
  // The next ones that the same halves need.
  const auto some = [&](std::size_t first) {
    std::size_t end = first;
    while (end < std::min<std::size_t>(count, first + kChunksTogether) && needs(end, 0) == needs(first, 0) && needs(end, 1) == needs(first, 1)) ++end;
    return std::span<const int>(chunks).subspan(first, end - first);
  };
  const std::int64_t calls_a_chunk = static_cast<std::int64_t>(part_products<kWeightParts<kParts>, kParts>().size()) * divide_up(plan.value_padded, 2 * kPanel);
  std::uint16_t *now = p, *later = p + kChunksTogether * 2 * kWeightTiles<kParts>;
  Weighing<kParts> weighing(plan, halves);
  const Beside<kParts> beside{plan, ahead, weighing};
  Scoring<Tiles, kParts> scoring(plan, next);
  weighing.start(some(0), now, 1);
  weighing.finish();
  for (std::size_t first = 0; first < count;) {
    const std::span<const int> its = some(first);
    const bool upper = needs(first, 0), lower = needs(first, 1);
    // An even share of the next scores, in the end all, as far as the old ones in their place have become weights.
    const auto share = divide_up(scoring.left() * static_cast<std::int64_t>(its.size()), static_cast<std::int64_t>(count - first));
    first += its.size();
    const std::int64_t scored = std::min(share, scoring.left_before(first < count ? chunks[first] : kMaxPanels / 2));
    weighing.start(some(first), later, calls_a_chunk * static_cast<std::int64_t>(its.size()) + scoring.calls(scored));
    const float* values[kChunksTogether];
    for (std::size_t i = 0; i < its.size(); ++i) values[i] = v + its[i] * v_chunk_floats(plan);
    if (upper && lower)
      matrix_pv<Tiles, kParts, 2>(plan, now, std::span(values, its.size()), o, beside);
    else
      matrix_pv<Tiles, kParts, 1>(plan, now + (upper ? 0 : kWeightTiles<kParts>), std::span(values, its.size()), o + (upper ? 0 : kTileRows * plan.value_padded), beside);
    scoring.compute(scored, beside);
    weighing.finish();
    std::swap(now, later);
  }
}

/// S = Q K alone: beside it there are no weights to find.
template <class Tiles, int kParts>
HWY_INLINE void compute_scores(const Plan& plan, const ScoredRows& rows, Ahead& ahead) {
  const WeighedHalves nothing;
  Weighing<kParts> weighing(plan, nothing);
  Scoring<Tiles, kParts> scoring(plan, rows);
  scoring.compute(scoring.left(), Beside<kParts>{plan, ahead, weighing});
}

/// The weights of 32 rows, O += P V, and then or meanwhile the scores of those that come next.
template <class Tiles, int kParts>
HWY_INLINE void weigh_and_multiply(const Plan& plan, const WeighedHalves& halves, std::uint16_t* p, const float* v, float* o, const ScoredRows& next, Ahead& ahead) {
  if constexpr (kParts == 3) {
    weigh_and_multiply_together<Tiles, kParts>(plan, halves, p, v, o, next, ahead);
  } else {
    for (std::size_t half = 0; half < halves.size(); ++half)
      if (halves[half].chunks != 0)
        weigh_and_multiply_sixteen<Tiles, kParts>(plan, halves[half], p, v, o + static_cast<std::int64_t>(half) * kTileRows * plan.value_padded);
    compute_scores<Tiles, kParts>(plan, next, ahead);
  }
}

/// The first row alone, in one chunk, whose V is `v`: its weights, and O += P V. o is [16][value_padded].
template <class Tiles, int kParts>
HWY_NOINLINE void weigh_and_multiply_row(const Plan& plan, const WeighedRows& rows, std::uint16_t* p, const float* v, int chunk, float* o) {
  std::fill_n(p, kWeightTiles<kParts>, std::uint16_t{0});
  weigh_active_rows<kParts, 1>(plan, WeighedRow(plan, rows, 0, chunk, p), active_of(rows, 0, chunk));
  const float* values[] = {v};
  matrix_pv<Tiles, kParts, 1>(plan, p, values, o, [] {});
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
