// The plain forward kernel: out = softmax(score_mod(scale * Q K^T) under mask_mod) V, on the CUDA cores of any GPU from sm_80 on.
//
// A CTA of 256 threads takes a block of query rows of one head and goes through the keys in tiles of 64: scores into shared memory, modified, masked and
// turned into weights there, and the weights times V added to an output in registers. All arithmetic is f32. What a mask removes takes part in
// nothing, whatever its key, value or score holds: such a weight is marked, and the product leaves it out. README.md says for what this serves.
#pragma once
#include "templates/hooks.cuh"
#include "templates/hopper/schedule.cuh"
#include "templates/simt/tile.h"

namespace flexc::device {

/// What stands in place of the weight of a removed pair. Weights are not negative.
inline constexpr float kRemovedWeight = -1.0f;

template <Element kElement>
FLEXC_DEVICE float load_element(const void* data, i64 index) {
  if constexpr (kElement == Element::kF32) return static_cast<const float*>(data)[index];
  const unsigned short bits = static_cast<const unsigned short*>(data)[index];
  if constexpr (kElement == Element::kBf16) return mods::widen_bf16(bits);
  return mods::widen_f16(bits);
}

template <Element kElement>
FLEXC_DEVICE void store_element(void* data, i64 index, float value) {
  if constexpr (kElement == Element::kF32) {
    static_cast<float*>(data)[index] = value;
  } else {
    static_cast<unsigned short*>(data)[index] = static_cast<unsigned short>(pack_pair<kElement>(value, 0.0f));
  }
}

/// A run of rows of a tensor, of which there are `rows` with `columns` elements each.
struct GlobalRows {
  const void* data;
  i64 begin, stride;  // elements
  i32 rows, columns;
};

/// Copies kRowCount x kColumnCount elements from column `column` on into shared memory, row after row; zeros for what is not there.
template <Element kElement, u32 kRowCount, u32 kColumnCount, u32 kStride>
FLEXC_DEVICE void stage_rows(Site site, const GlobalRows& from, i32 column, u32 to) {
  constexpr u32 kTurns = kRowCount * kColumnCount / kSimtThreads;
  static_assert(kRowCount * kColumnCount % kSimtThreads == 0, "every thread copies as much");
  FLEXC_UNROLL
  for (u32 turn = 0; turn < kTurns; ++turn) {
    const u32 index = turn * kSimtThreads + thread_index(), row = index / kColumnCount, place = index % kColumnCount;
    const i32 own = column + static_cast<i32>(place);
    float value = 0.0f;
    if (static_cast<i32>(row) < from.rows && own < from.columns) value = load_element<kElement>(from.data, from.begin + static_cast<i64>(row) * from.stride + own);
    shared_store(site, to + (row * kStride + place) * 4, bits_of(value));
  }
}

/// The kv_side table of a tile in shared memory: words as [word][key].
template <class Config>
struct KeyTable {
  u32 address;
  FLEXC_DEVICE u32 word(int word, int key) const { return shared_load(SITE(read_table), address + (static_cast<u32>(word) * Config::kN + static_cast<u32>(key)) * 4); }
  FLEXC_DEVICE void set(int word, int key, u32 bits) { shared_store(SITE(write_table), address + (static_cast<u32>(word) * Config::kN + static_cast<u32>(key)) * 4, bits); }
};

/// The tiles of keys that a block of rows visits: `count` in all, from first0 on, and from the count0-th on from first1 on. They ascend.
struct VisitedTiles {
  i32 count, count0, first0, first1;
  FLEXC_DEVICE i32 tile(i32 t) const { return t < count0 ? first0 + t : first1 + t - count0; }
};

/// By each warp for itself: what none of the rows keeps is not visited.
template <class Config, class Hooks>
FLEXC_DEVICE VisitedTiles visited_tiles(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params, const typename Hooks::Head& head, i32 first_row) {
  constexpr i32 kN = Config::kN;
  if constexpr (!Hooks::kHasBand) {
    const i32 count = (arguments.kv_len + kN - 1) / kN;
    return {count, count, 0, 0};
  } else {
    i32 lo0 = arguments.kv_len, hi0 = 0, lo1 = arguments.kv_len, hi1 = 0;
    for (u32 row = lane_index(); row < Config::kM; row += 32) {
      const i32 own = first_row + static_cast<i32>(row) < arguments.q_len ? first_row + static_cast<i32>(row) : arguments.q_len - 1;
      const ColumnLimits keys = first_interval_first(limits_of_row<Hooks>(arguments, params, Hooks::q_side(params, head, static_cast<typename Hooks::Position>(arguments.q_offset + own))));
      if (keys.lo0 < keys.hi0) lo0 = keys.lo0 < lo0 ? keys.lo0 : lo0, hi0 = keys.hi0 > hi0 ? keys.hi0 : hi0;
      if (keys.lo1 < keys.hi1) lo1 = keys.lo1 < lo1 ? keys.lo1 : lo1, hi1 = keys.hi1 > hi1 ? keys.hi1 : hi1;
    }
    lo0 = warp_minimum(SITE(least_lo0), lo0), hi0 = warp_maximum(SITE(most_hi0), hi0);
    lo1 = warp_minimum(SITE(least_lo1), lo1), hi1 = warp_maximum(SITE(most_hi1), hi1);
    const i32 begin0 = lo0 / kN, end0 = hi0 > lo0 ? (hi0 + kN - 1) / kN : begin0;
    const i32 begin1 = lo1 / kN, end1 = hi1 > lo1 ? (hi1 + kN - 1) / kN : begin1;
    // The intervals of different rows may overlap; no tile is visited twice.
    const i32 count0 = end0 - begin0, first1 = count0 > 0 && begin1 < end0 ? end0 : begin1;
    return {count0 + (end1 > first1 ? end1 - first1 : 0), count0, begin0, first1};
  }
}

/// A row's state: the largest kept logit (log2 domain; NaN once there was one) and the thread's part of the sum of weights against it.
struct RunningRow {
  float largest = float_of(0xff800000u), sum = 0.0f;
};

/// A row's end: what its output is multiplied by, and lse.
struct FinishedRow {
  float factor, lse;
};

/// `sum` is the whole row's. The sink is one more logit, of no value.
FLEXC_DEVICE FinishedRow finish_row(float largest, float sum, const float* sink) {
  const float infinity = float_of(0x7f800000u), nan = float_of(0x7fc00000u);
  if (largest != largest) return {nan, nan};
  if (sum == 0.0f) return {0.0f, sink != nullptr ? *sink : -infinity};  // nothing is left
  float reference = largest, total = sum, share = 1.0f;
  if (sink != nullptr) {
    const float logit = *sink * mods::kLog2E;
    reference = mods::max_f(largest, logit);
    share = ex2_approx(largest - reference);
    total = fma_rn(sum, share, ex2_approx(logit - reference));
  }
  if (reference == infinity) return {nan, infinity};
  return {div_rn(share, total), fma_rn(reference, mods::kLn2, lg2_approx(total) * mods::kLn2)};
}

/// A block of Config::kM query rows of one head, from `first_row` on, by the whole CTA.
template <class Config, class Hooks>
struct RowBlock {
  using Position = typename Hooks::Position;
  const flexc_hopper_arguments& arguments;
  const typename Hooks::Params& params;
  u32 shared;  // where the CTA's memory begins
  i32 batch, head, first_row;

  // The thread's place in the products.
  FLEXC_DEVICE u32 x() const { return thread_index() % kSimtSide; }
  FLEXC_DEVICE u32 y() const { return thread_index() / kSimtSide; }
  FLEXC_DEVICE u32 scores() const { return shared + Config::kScoreWords * 4; }
  FLEXC_DEVICE u32 factors() const { return shared + Config::kFactorWords * 4; }
  FLEXC_DEVICE KeyTable<Config> table() const { return {shared + Config::kTableWords * 4}; }

  /// Rows `first` to `first` + `count` - 1 of a tensor's head, or as many as there are.
  FLEXC_DEVICE GlobalRows rows_of(const void* data, const long long (&strides)[3], i32 of_head, i32 first, i32 length, i32 columns) const {
    return {data, batch * strides[2] + of_head * strides[1] + first * strides[0], strides[0], length - first, columns};
  }

  /// Scores of a tile, bare products, into shared memory.
  FLEXC_DEVICE void multiply_keys(i32 tile, i32 kv_head) const {
    const GlobalRows q = rows_of(arguments.q, arguments.q_strides, head, first_row, arguments.q_len, arguments.head_dim);
    const GlobalRows k = rows_of(arguments.k, arguments.k_strides, kv_head, tile * static_cast<i32>(Config::kN), arguments.kv_len, arguments.head_dim);
    float score[Config::kRows][Config::kKeys] = {};
    FLEXC_NO_UNROLL
    for (i32 column = 0; column < arguments.head_dim; column += kSimtDepth) {
      block_sync(SITE(staged_free));
      stage_rows<Config::kElement, Config::kM, kSimtDepth, Config::kDepthStride>(SITE(write_q), q, column, shared);
      stage_rows<Config::kElement, Config::kN, kSimtDepth, Config::kDepthStride>(SITE(write_k), k, column, shared + Config::kKeyWords * 4);
      block_sync(SITE(keys_full));
      FLEXC_NO_UNROLL
      for (u32 d = 0; d < kSimtDepth; d += 4) {
        Four own[Config::kRows];
        FLEXC_UNROLL
        for (u32 i = 0; i < Config::kRows; ++i) own[i] = shared_load_four(SITE(read_q), shared + ((y() + kSimtSide * i) * Config::kDepthStride + d) * 4);
        FLEXC_UNROLL
        for (u32 j = 0; j < Config::kKeys; ++j) {
          const Four key = shared_load_four(SITE(read_k), shared + (Config::kKeyWords + (x() + kSimtSide * j) * Config::kDepthStride + d) * 4);
          FLEXC_UNROLL
          for (u32 e = 0; e < 4; ++e) {
            FLEXC_UNROLL
            for (u32 i = 0; i < Config::kRows; ++i) score[i][j] = fma_rn(own[i].value[e], key.value[e], score[i][j]);
          }
        }
      }
    }
    FLEXC_UNROLL
    for (u32 i = 0; i < Config::kRows; ++i) {
      FLEXC_UNROLL
      for (u32 j = 0; j < Config::kKeys; ++j)
        shared_store(SITE(write_score), scores() + ((y() + kSimtSide * i) * Config::kScoreStride + x() + kSimtSide * j) * 4, bits_of(score[i][j]));
    }
  }

  FLEXC_DEVICE void fill_table(const typename Hooks::Head& of_head, i32 tile) const {
    if constexpr (Config::kSlots > 0) {
      KeyTable<Config> words = table();
      if (thread_index() < Config::kN)
        Hooks::kv_side(params, of_head, static_cast<Position>(arguments.kv_offset + tile * static_cast<i64>(Config::kN) + thread_index()), words, static_cast<int>(thread_index()));
    }
  }

  FLEXC_DEVICE float logit2(const typename Hooks::Row& side, Position kv, int key, float product) const {
    if constexpr (Hooks::kScoreClass == ScoreClass::kIdentity) {
      return product * arguments.scale_log2;
    } else {
      return Hooks::logit2(params, side, kv, table(), key, product);
    }
  }

  /// Scores of the thread's row become weights: its keys are those from its lane's number on, in steps of kLanes. The row's factor goes to shared memory.
  FLEXC_DEVICE void weigh(i32 tile, const typename Hooks::Row& side, const ColumnLimits& keys, RunningRow& row) const {
    const float removed = float_of(0xff800000u);
    const u32 lane = thread_index() % Config::kLanes, own = thread_index() / Config::kLanes, from = scores() + own * Config::kScoreStride * 4;
    const i32 base = tile * static_cast<i32>(Config::kN);
    float largest = row.largest;
    FLEXC_NO_UNROLL
    for (u32 key = lane; key < Config::kN; key += Config::kLanes) {
      const i32 column = base + static_cast<i32>(key);
      const Position kv = static_cast<Position>(arguments.kv_offset + column);
      bool kept = (column >= keys.lo0 && column < keys.hi0) || (column >= keys.lo1 && column < keys.hi1);
      if constexpr (Hooks::kHasMask) kept = kept && Hooks::keep(params, side, kv, table(), static_cast<int>(key));
      const float product = float_of(shared_load(SITE(read_score), from + key * 4));
      const float logit = kept ? logit2(side, kv, static_cast<int>(key), product) : removed;
      shared_store(SITE(write_logit), from + key * 4, bits_of(logit));
      largest = mods::max_f(largest, logit);
    }
    FLEXC_UNROLL
    for (u32 mask = 1; mask < Config::kLanes; mask *= 2) largest = mods::max_f(largest, shuffle_xor(SITE(share_largest), largest, mask));
    const float factor = largest == row.largest ? 1.0f : ex2_approx(row.largest - largest);
    row.largest = largest;
    row.sum *= factor;
    FLEXC_NO_UNROLL
    for (u32 key = lane; key < Config::kN; key += Config::kLanes) {
      const float logit = float_of(shared_load(SITE(read_logit), from + key * 4));
      const bool kept = logit != removed;
      const float weight = kept ? ex2_approx(logit - largest) : kRemovedWeight;
      if (kept) row.sum += weight;
      shared_store(SITE(write_weight), from + key * 4, bits_of(weight));
    }
    if (lane == 0) shared_store(SITE(write_factor), factors() + own * 4, bits_of(factor));
  }

  /// output = output * factor + weights * V.
  FLEXC_DEVICE void add_values(i32 tile, i32 kv_head, Four (&output)[Config::kRows][Config::kFours]) const {
    constexpr u32 kChunks = Config::kN / Config::kValueKeys;
    FLEXC_NO_UNROLL
    for (u32 chunk = 0; chunk < kChunks; ++chunk) {
      if (chunk > 0) block_sync(SITE(values_free));
      const i32 first = tile * static_cast<i32>(Config::kN) + static_cast<i32>(chunk * Config::kValueKeys);
      stage_rows<Config::kElement, Config::kValueKeys, Config::kDV, Config::kDV>(SITE(write_v), rows_of(arguments.v, arguments.v_strides, kv_head, first, arguments.kv_len, arguments.value_dim), 0, shared);
      block_sync(SITE(values_full));  // the weights and factors, too
      if (chunk == 0) scale_rows(SITE(read_factor), output);
      FLEXC_NO_UNROLL
      for (u32 key = 0; key < Config::kValueKeys; key += 4) {
        Four weight[Config::kRows];
        FLEXC_UNROLL
        for (u32 i = 0; i < Config::kRows; ++i) weight[i] = shared_load_four(SITE(read_weight), scores() + ((y() + kSimtSide * i) * Config::kScoreStride + chunk * Config::kValueKeys + key) * 4);
        FLEXC_UNROLL
        for (u32 e = 0; e < 4; ++e) {
          Four value[Config::kFours];
          FLEXC_UNROLL
          for (u32 c = 0; c < Config::kFours; ++c) value[c] = shared_load_four(SITE(read_v), shared + ((key + e) * Config::kDV + kPanelColumns * c + 4 * x()) * 4);
          FLEXC_UNROLL
          for (u32 i = 0; i < Config::kRows; ++i) {
            if (weight[i].value[e] < 0.0f) continue;  // removed; a weight that is NaN is none of these
            FLEXC_UNROLL
            for (u32 c = 0; c < 4 * Config::kFours; ++c) {
              float& sum = output[i][c / 4].value[c % 4];
              sum = fma_rn(weight[i].value[e], value[c / 4].value[c % 4], sum);
            }
          }
        }
      }
    }
  }

  FLEXC_DEVICE void scale_rows(Site site, Four (&output)[Config::kRows][Config::kFours]) const {
    FLEXC_UNROLL
    for (u32 i = 0; i < Config::kRows; ++i) {
      const float factor = float_of(shared_load(site, factors() + (y() + kSimtSide * i) * 4));
      FLEXC_UNROLL
      for (u32 c = 0; c < 4 * Config::kFours; ++c) output[i][c / 4].value[c % 4] *= factor;
    }
  }

  /// lse, the largest score, and the factor by which the row's output is multiplied.
  FLEXC_DEVICE void finish(const RunningRow& row) const {
    float sum = row.sum;
    FLEXC_UNROLL
    for (u32 mask = 1; mask < Config::kLanes; mask *= 2) sum += shuffle_xor(SITE(share_sum), sum, mask);
    if (thread_index() % Config::kLanes != 0) return;
    const u32 own = thread_index() / Config::kLanes;
    const FinishedRow end = finish_row(row.largest, sum, arguments.sink != nullptr ? arguments.sink + head : nullptr);
    shared_store(SITE(write_end), factors() + own * 4, bits_of(end.factor));
    const i64 q = first_row + static_cast<i32>(own);
    if (q >= arguments.q_len) return;
    if (arguments.lse != nullptr) arguments.lse[batch * arguments.lse_batch_stride + head * arguments.lse_head_stride + q] = end.lse;
    if (arguments.max_scores != nullptr) arguments.max_scores[batch * arguments.max_batch_stride + head * arguments.max_head_stride + q] = row.largest * mods::kLn2;
  }

  FLEXC_DEVICE void store(const Four (&output)[Config::kRows][Config::kFours]) const {
    FLEXC_UNROLL
    for (u32 i = 0; i < Config::kRows; ++i) {
      const i32 q = first_row + static_cast<i32>(y() + kSimtSide * i);
      if (q >= arguments.q_len) continue;
      const i64 to = batch * arguments.out_strides[2] + head * arguments.out_strides[1] + q * arguments.out_strides[0];
      FLEXC_UNROLL
      for (u32 c = 0; c < 4 * Config::kFours; ++c) {
        const i32 column = static_cast<i32>(kPanelColumns * (c / 4) + 4 * x() + c % 4);
        if (column < arguments.value_dim) store_element<Config::kElement>(arguments.out, to + column, output[i][c / 4].value[c % 4]);
      }
    }
  }

  FLEXC_DEVICE void run() const {
    const auto of_head = Hooks::head(params, batch, head);
    const i32 kv_head = static_cast<i32>(divide(static_cast<u32>(head), arguments.divide_by_heads_per_kv));
    // Rows beyond the end repeat the last one; they are not stored.
    const i32 own = first_row + static_cast<i32>(thread_index() / Config::kLanes);
    const auto side = Hooks::q_side(params, of_head, static_cast<Position>(arguments.q_offset + (own < arguments.q_len ? own : arguments.q_len - 1)));
    const ColumnLimits keys = limits_of_row<Hooks>(arguments, params, side);
    const VisitedTiles tiles = visited_tiles<Config, Hooks>(arguments, params, of_head, first_row);
    RunningRow row;
    Four output[Config::kRows][Config::kFours] = {};
    FLEXC_NO_UNROLL
    for (i32 t = 0; t < tiles.count; ++t) {
      const i32 tile = tiles.tile(t);
      multiply_keys(tile, kv_head);
      fill_table(of_head, tile);
      block_sync(SITE(scores_full));
      weigh(tile, side, keys, row);
      add_values(tile, kv_head, output);
    }
    block_sync(SITE(factors_free));
    finish(row);
    block_sync(SITE(ends_full));
    scale_rows(SITE(read_end), output);
    store(output);
  }
};

/// The kernel's body. An item is arguments.item_rows query rows of one head: whole blocks. Where only_marked is set, those alone are computed that the Hopper
/// kernel, launched before on the same stream, has marked in the workspace (launch.h): what it stored of them is written again.
template <class Config, class Hooks>
FLEXC_DEVICE void simt_forward(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params) {
  const bool only_marked = arguments.only_marked != 0;
  if (only_marked && arguments.workspace[kFlexcWorkNonFinite] == 0) return;
  const u32 blocks = static_cast<u32>(arguments.item_rows) / Config::kM;
  const u64 count = static_cast<u64>(arguments.items) * blocks;
  FLEXC_NO_UNROLL
  for (u64 work = block_index(); work < count; work += block_count()) {
    const u32 item = static_cast<u32>(work / blocks), block = static_cast<u32>(work % blocks);
    if (only_marked && arguments.workspace[kFlexcWorkspaceHeader + item] == 0) continue;
    const Coordinates at = coordinates_of(arguments, item);
    const i32 first_row = at.q_block * arguments.item_rows + static_cast<i32>(block * Config::kM);
    if (first_row < arguments.q_len) RowBlock<Config, Hooks>{arguments, params, shared_base(), at.batch, at.head, first_row}.run();
  }
}

}  // namespace flexc::device
