#include "tests/cpu/variants.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace flexc::cpu_test {
namespace {

constexpr float kLog2e = 1.44269504088896340736f;

template <class T>
T read_slot(const void* slots, std::size_t index = 0) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(slots) + 8 * index, sizeof value);
  return value;
}

template <class T>
void write_slot(void* slots, T value, std::size_t index = 0) {
  std::memset(static_cast<std::byte*>(slots) + 8 * index, 0, 8);
  std::memcpy(static_cast<std::byte*>(slots) + 8 * index, &value, sizeof value);
}

template <class Keep>
void write_bits(const flexc_row_segment* segment, std::uint64_t* keep, const Keep& kept) {
  std::fill(keep, keep + (segment->count + 63) / 64, 0);
  for (std::int64_t i = 0; i < segment->count; ++i)
    if (kept(i, segment->kv_base + segment->kv_step * i)) keep[i / 64] |= std::uint64_t{1} << (i % 64);
}

/// Keeps the positions from `low` to `high`, a word at a time: masks with bands are what the benchmark times.
void write_band(const flexc_row_segment* segment, std::uint64_t* keep, std::int64_t low, std::int64_t high) {
  for (std::int64_t word = 0; word * 64 < segment->count; ++word) {
    const std::int64_t base = segment->kv_base + word * 64, end = std::min<std::int64_t>(64, segment->count - word * 64);
    const std::int64_t from = std::clamp<std::int64_t>(low - base, 0, end), to = std::clamp<std::int64_t>(high - base + 1, from, end);
    const auto ones_below = [](std::int64_t bit) { return bit == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bit) - 1; };
    keep[word] = ones_below(to) & ~ones_below(from);
  }
}

std::int32_t document_at(const flexc_row_launch* launch, std::int64_t position) {
  const flexc_row_capture& documents = launch->captures[1];
  const std::int64_t i = position < 0 ? position + documents.sizes[0] : position;
  return i >= 0 && i < documents.sizes[0] ? static_cast<const std::int32_t*>(documents.data)[i * documents.strides[0]] : 0;
}

void mask_causal(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, std::uint64_t* keep) {
  write_band(segment, keep, std::numeric_limits<std::int64_t>::min() / 2, segment->q);
}
void mask_window(const flexc_row_launch* launch, const flexc_row_levels*, const flexc_row_segment* segment, std::uint64_t* keep) {
  write_band(segment, keep, segment->q - launch->params[0].integer, segment->q);
}
void mask_dilated(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, std::uint64_t* keep) {
  write_bits(segment, keep, [&](std::int64_t, std::int64_t kv) { return (segment->q - kv) % 3 == 0; });
}
/// Tiles of 128 columns that are kept with one, two and three between them that are not; but head 1 keeps more.
bool in_gaps(std::int64_t h, std::int64_t kv) {
  const std::int64_t tile = kv / 128 % 9;
  return tile == 0 || tile == 2 || tile == 5 || (h == 1 && tile == 1);
}
void mask_gaps(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, std::uint64_t* keep) {
  write_bits(segment, keep, [&](std::int64_t, std::int64_t kv) { return in_gaps(segment->h, kv); });
}
void mask_nothing(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, std::uint64_t* keep) {
  write_bits(segment, keep, [](std::int64_t, std::int64_t) { return false; });
}
void mask_second_half(const flexc_row_launch* launch, const flexc_row_levels*, const flexc_row_segment* segment, std::uint64_t* keep) {
  const bool kept = 2 * segment->q >= launch->problem.q_total;
  write_bits(segment, keep, [&](std::int64_t, std::int64_t) { return kept; });
}

// document: the row's id comes from q_side, the columns' from kv_side.
void document_q_side(const flexc_row_launch* launch, const void*, std::int64_t, std::int64_t, std::int64_t q, void* out) {
  write_slot(out, std::int64_t{document_at(launch, q)});
}
void document_kv_side(const flexc_row_launch* launch, const void*, std::int64_t, std::int64_t, std::int64_t base, std::int64_t step,
                      std::int64_t count, void* out, std::size_t) {
  for (std::int64_t i = 0; i < count; ++i) write_slot(out, std::int64_t{document_at(launch, base + step * i)}, static_cast<std::size_t>(i));
}
template <bool kCausal>
void mask_document(const flexc_row_launch*, const flexc_row_levels* levels, const flexc_row_segment* segment, std::uint64_t* keep) {
  const auto own = read_slot<std::int64_t>(levels->q_side);
  write_bits(segment, keep, [&](std::int64_t i, std::int64_t kv) {
    return read_slot<std::int64_t>(levels->kv_side, static_cast<std::size_t>(i)) == own && (!kCausal || segment->q >= kv);
  });
}

void alibi_head(const flexc_row_launch* launch, std::int64_t, std::int64_t h, void* out) {
  write_slot(out, static_cast<const float*>(launch->captures[0].data)[h]);
}
void alibi_row(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment, flexc_row_affine* out) {
  const float slope = read_slot<float>(levels->head) * kLog2e;
  *out = {launch->scale_log2e, slope * static_cast<float>(segment->kv_base - segment->q), slope * static_cast<float>(segment->kv_step)};
}

void softcap_row(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, float* s) {
  constexpr auto kCapF = static_cast<float>(kCap);
  for (std::int64_t i = 0; i < segment->count; ++i) s[i] = kCapF * std::tanh(s[i] / kCapF) * kLog2e;
}
/// Scores of -inf in odd columns, as `where(kv % 2 == 0, s, -inf)` has them.
void even_row(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment* segment, float* s) {
  for (std::int64_t i = 0; i < segment->count; ++i) s[i] = (segment->kv_base + i) % 2 == 0 ? s[i] * kLog2e : -INFINITY;
}

// bias: s + B + 0.1 slopes[h] - 0.01 q + 0.1 slopes[h] (kv % 7), a slot a term: every level is used, the second kv_side slot too.
void bias_launch(const flexc_row_launch* launch, void* out) { write_slot(out, static_cast<float>(launch->problem.batch)); }
void bias_head(const flexc_row_launch* launch, std::int64_t, std::int64_t h, void* out) {
  write_slot(out, 0.1f * static_cast<const float*>(launch->captures[0].data)[h]);
}
void bias_q_side(const flexc_row_launch*, const void* head, std::int64_t, std::int64_t, std::int64_t q, void* out) {
  write_slot(out, read_slot<float>(head));
  write_slot(out, -0.01f * static_cast<float>(q), 1);
}
void bias_kv_side(const flexc_row_launch*, const void* head, std::int64_t, std::int64_t, std::int64_t base, std::int64_t step, std::int64_t count,
                  void* out, std::size_t stride) {
  const auto slope = read_slot<float>(head);
  for (std::int64_t i = 0; i < count; ++i) {
    write_slot(out, std::int64_t{-1}, static_cast<std::size_t>(i));
    write_slot(out, slope * static_cast<float>((base + step * i) % 7), stride + static_cast<std::size_t>(i));
  }
}
void bias_row(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment, float* s) {
  const float row = read_slot<float>(levels->q_side) + read_slot<float>(levels->q_side, 1) + read_slot<float>(launch->launch_values);
  for (std::int64_t i = 0; i < segment->count; ++i)
    s[i] = (s[i] + (row + read_slot<float>(levels->kv_side, levels->kv_stride + static_cast<std::size_t>(i)))) * kLog2e;
}

MaskFunction causal_function(const Bindings&, const Shape&) {
  return [](std::int64_t, std::int64_t, std::int64_t q, std::int64_t kv) { return q >= kv; };
}
template <bool kCausal>
MaskFunction document_function(const Bindings& bindings, const Shape&) {
  return [&bindings](std::int64_t, std::int64_t, std::int64_t q, std::int64_t kv) {
    const auto at = [&](std::int64_t i) { return bindings.documents[static_cast<std::size_t>(i)]; };
    return at(q) == at(kv) && (!kCausal || q >= kv);
  };
}
ScoreFunction alibi_function(const Bindings& bindings, const Shape&) {
  return [&bindings](double s, std::int64_t, std::int64_t h, std::int64_t q, std::int64_t kv) {
    return s + double{bindings.slopes[static_cast<std::size_t>(h)]} * static_cast<double>(kv - q);
  };
}

flexc_row_module masked(flexc_mask_row_fn mask) {
  flexc_row_module module{};
  module.abi_version = FLEXC_ROW_ABI_VERSION;
  module.mask_row = mask;
  return module;
}

flexc_row_module scored(flexc_score_row_fn score) {
  flexc_row_module module = masked(nullptr);
  module.score_class = FLEXC_SCORE_GENERAL;
  module.score_row = score;
  return module;
}

flexc_row_module alibi_module(flexc_mask_row_fn mask) {
  flexc_row_module module = masked(mask);
  module.score_class = FLEXC_SCORE_AFFINE;
  module.head_slots = 1;
  module.head_level = alibi_head;
  module.affine_row = alibi_row;
  return module;
}

flexc_row_module document_module(flexc_mask_row_fn mask) {
  flexc_row_module module = masked(mask);
  module.q_side_slots = module.kv_side_slots = 1;
  module.q_side = document_q_side;
  module.kv_side = document_kv_side;
  return module;
}

flexc_row_module bias_module() {
  flexc_row_module module = scored(bias_row);
  module.launch_slots = module.head_slots = 1;
  module.q_side_slots = module.kv_side_slots = 2;
  module.launch_level = bias_launch;
  module.head_level = bias_head;
  module.q_side = bias_q_side;
  module.kv_side = bias_kv_side;
  return module;
}

ScoreFunction softcap_function(const Bindings&, const Shape&) {
  return [](double s, std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return kCap * std::tanh(s / kCap); };
}
ScoreFunction even_function(const Bindings&, const Shape&) {
  return
      [](double s, std::int64_t, std::int64_t, std::int64_t, std::int64_t kv) { return kv % 2 == 0 ? s : -std::numeric_limits<double>::infinity(); };
}
ScoreFunction bias_function(const Bindings& bindings, const Shape& shape) {
  return [&bindings, &shape](double s, std::int64_t, std::int64_t h, std::int64_t q, std::int64_t kv) {
    return s + static_cast<double>(shape.batch) + 0.1 * double{bindings.slopes[static_cast<std::size_t>(h)]} - 0.01 * static_cast<double>(q) +
           0.1 * double{bindings.slopes[static_cast<std::size_t>(h)]} * static_cast<double>(kv % 7);
  };
}
MaskFunction window_function(const Bindings&, const Shape&) {
  return [](std::int64_t, std::int64_t, std::int64_t q, std::int64_t kv) { return q >= kv && q - kv <= kWindow; };
}
MaskFunction dilated_function(const Bindings&, const Shape&) {
  return [](std::int64_t, std::int64_t, std::int64_t q, std::int64_t kv) { return (q - kv) % 3 == 0; };
}
MaskFunction gaps_function(const Bindings&, const Shape&) {
  return [](std::int64_t, std::int64_t h, std::int64_t, std::int64_t kv) { return in_gaps(h, kv); };
}
MaskFunction nothing_function(const Bindings&, const Shape&) {
  return [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return false; };
}
MaskFunction second_half_function(const Bindings&, const Shape& shape) {
  return [&shape](std::int64_t, std::int64_t, std::int64_t q, std::int64_t) { return 2 * q >= shape.q_offset + shape.q_len; };
}

}  // namespace

Bindings::Bindings(const Shape& shape) {
  for (std::int64_t h = 0; h < shape.heads; ++h) slopes.push_back(std::exp2(-8.0f * static_cast<float>(h + 1) / static_cast<float>(shape.heads)));
  const std::int64_t length = std::max(shape.q_offset + shape.q_len, shape.kv_offset + shape.kv_len);
  for (std::int64_t i = 0; i < length; ++i) documents.push_back(static_cast<std::int32_t>(i / 50 + (i > 180 ? 1 : 0)));
  sizes = {shape.heads, length};
  captures[0] = {slopes.data(), &sizes[0], &strides[0]};
  captures[1] = {documents.data(), &sizes[1], &strides[1]};
  params[0].integer = kWindow;
}

const std::vector<Variant>& variants() {
  static const std::vector<Variant> all = {
      {"noop", masked(nullptr), nullptr, nullptr},
      {"causal", masked(mask_causal), nullptr, causal_function},
      {"sliding_window", masked(mask_window), nullptr, window_function},
      {"alibi", alibi_module(nullptr), alibi_function, nullptr},
      {"alibi_causal", alibi_module(mask_causal), alibi_function, causal_function},
      {"softcap", scored(softcap_row), softcap_function, nullptr},
      {"even", scored(even_row), even_function, nullptr},
      {"bias", bias_module(), bias_function, nullptr},
      {"document", document_module(mask_document<false>), nullptr, document_function<false>},
      {"document_causal", document_module(mask_document<true>), nullptr, document_function<true>},
      {"dilated", masked(mask_dilated), nullptr, dilated_function},
      {"gaps", masked(mask_gaps), nullptr, gaps_function},
      {"all_false", masked(mask_nothing), nullptr, nothing_function},
      {"first_half_false", masked(mask_second_half), nullptr, second_half_function},
  };
  return all;
}

const Variant& variant(std::string_view name) {
  for (const Variant& candidate : variants())
    if (candidate.name == name) return candidate;
  throw std::invalid_argument("no such variant");
}

}  // namespace flexc::cpu_test
