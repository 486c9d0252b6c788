#include "tests/random_mods/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "tests/ir/keep_row.h"
#include "tests/ir/mask_key.h"
#include "tests/random_mods/expectation.h"
#include "tests/random_mods/judgement.h"

namespace random_mods {
namespace {

using namespace flexc;

constexpr std::int64_t kMaxColumns = 70;
constexpr std::size_t kPadded = 128;
constexpr std::int64_t kFarPosition = std::int64_t{1} << 40;  // of a long sequence
using Integers = std::numeric_limits<std::int64_t>;

constexpr std::int64_t kIntegerEdges[] = {
    0, 1, -1, Integers::max(), Integers::min(), Integers::max() - 1, 63, 64, -64, 1ll << 31, -(1ll << 31), (1ll << 53) + 1, 255, 7};

/// Both lists are no longer.
constexpr std::size_t kEdgeCount = 20;
static_assert(std::size(kFloatEdges) <= kEdgeCount && std::size(kIntegerEdges) <= kEdgeCount);

std::int64_t any_integer(std::mt19937_64& random, unsigned edges_percent) {
  if (random() % 100 < edges_percent) return one_of(kIntegerEdges, random);
  return static_cast<std::int64_t>(random() % 41) - 12;
}

template <class T>
void append(std::vector<std::byte>& bytes, T value) {
  const auto* raw = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), raw, raw + sizeof value);
}

}  // namespace

void Data::fill(const dsl::CaptureInfo& info, const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (std::int64_t extent : shape) count *= extent;
  const unsigned edges = random_() % 3 == 0 ? 20 : 3;
  std::vector<std::byte>& bytes = storage_.emplace_back();
  for (std::int64_t i = 0; i < count; ++i) {
    const float real = any_float(random_, edges);
    const std::int64_t integer = any_integer(random_, edges);
    switch (info.dtype) {
      case DType::F32:
        append(bytes, real);
        break;
      case DType::F16:
        append(bytes, float_to_f16(real));
        break;
      case DType::BF16:
        append(bytes, float_to_bf16(real));
        break;
      case DType::I32:
        append(bytes, static_cast<std::int32_t>(integer));
        break;
      case DType::I64:
        append(bytes, integer);
        break;
      case DType::Bool:
        append(bytes, static_cast<std::uint8_t>(integer > 3 ? integer : 0));
        break;
      default:
        append(bytes, static_cast<std::uint8_t>(integer));
        break;
    }
  }
  bytes.resize(bytes.size() + sizeof(std::int64_t));  // an empty tensor has an address too
  environment_.captures.emplace_back(bytes.data(), info.dtype, shape);
}

Data::Data(const dsl::NormalForm& form, std::uint64_t seed) : random_(seed) {
  const auto between = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  };
  environment_.problem = {between(1, 3), 2 * between(1, 3), 2, between(1, 40), between(1, 90)};
  const dsl::Problem& p = environment_.problem;
  const std::int64_t symbols[] = {p.batch, p.heads, p.kv_heads, p.q_total, p.kv_total};
  std::vector<std::int64_t> fresh;
  for (std::size_t i = 0; i < form.fresh_dims.size(); ++i) fresh.push_back(random_() % 12 == 0 ? 0 : between(1, 11));
  for (const dsl::CaptureInfo& info : form.captures) {
    std::vector<std::int64_t> shape;
    for (const dsl::Dim& dim : info.dims)
      shape.push_back(dim.kind == dsl::Dim::Kind::Constant ? dim.value
                      : dim.kind == dsl::Dim::Kind::Symbol ? symbols[dim.value]
                                                           : fresh[static_cast<std::size_t>(dim.value)]);
    fill(info, shape);
  }
  for (const dsl::ParamInfo& info : form.params) {
    dsl::ParamValue value{0, info.type == DType::F32 ? any_float(random_, 15) : 0.0f};
    if (info.type == DType::I32) value.integer = static_cast<std::int32_t>(any_integer(random_, 15));
    if (info.type == DType::I64) value.integer = any_integer(random_, 25);
    if (info.type == DType::Bool) value.integer = static_cast<std::int64_t>(random_() % 2);
    environment_.params.push_back(value);
    params_.push_back({value.integer, value.real, 0, {}});
  }
  bind(form);
}

/// The i-th edge value of a capture for column i: x0 changes fastest.
std::size_t edge_of(const std::string& name, std::size_t i) {
  if (name == "x0") return i % kEdgeCount;
  if (name == "x1") return i / kEdgeCount % kEdgeCount;
  return (i * 5 + i / kEdgeCount) % kEdgeCount;
}

void Data::fill_edges(const dsl::CaptureInfo& info, const std::vector<std::int64_t>& shape) {
  const std::size_t width = shape.size() > 1 ? static_cast<std::size_t>(shape[1]) : 1;
  std::vector<std::byte>& bytes = storage_.emplace_back();
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape[0]) * width; ++i) {
    const std::size_t edge = edge_of(info.name, i / width + i % width * 3);
    if (info.dtype == DType::F32)
      append(bytes, kFloatEdges[edge % std::size(kFloatEdges)]);
    else if (info.dtype == DType::I64)
      append(bytes, kIntegerEdges[edge % std::size(kIntegerEdges)]);
    else
      append(bytes, static_cast<std::uint8_t>(edge % 2 ? edge : 0));
  }
  environment_.captures.emplace_back(bytes.data(), info.dtype, shape);
}

Data::Data(const dsl::NormalForm& form) : random_(1) {
  environment_.problem = {1, 1, 1, 1, kEdgeCount * kEdgeCount};
  for (const dsl::CaptureInfo& info : form.captures) {
    std::vector<std::int64_t> shape;
    for (const dsl::Dim& dim : info.dims) shape.push_back(dim.kind == dsl::Dim::Kind::Constant ? dim.value : environment_.problem.kv_total);
    fill_edges(info, shape);
  }
  bind(form);
}

void Data::bind(const dsl::NormalForm& form) {
  const dsl::Problem& p = environment_.problem;
  const auto bound = dsl::bind_dims(form, environment_);
  if (!bound) {
    error_ = bound.error().message;
    return;
  }
  fresh_ = *bound;
  for (const TensorView& view : environment_.captures) captures_.push_back({view.data, view.shape.data(), view.strides.data()});
  launch_ = {
      {p.batch, p.heads, p.kv_heads, p.q_total, p.kv_total}, captures_.data(), params_.data(), fresh_.data(), nullptr, kScale * kLog2E, kScale};
}

namespace {

/// What a module writes for one segment.
struct Outputs {
  std::vector<float> scores;
  std::vector<bool> keep;
  flexc_row_affine affine{};
  std::string broken;
  std::int64_t like_rows = 0;
};

/// Rows before and after a segment's that are looked at for its mask key.
constexpr std::int64_t kNeighbours = 6;

Outputs run(const flexc_row_module& module, const flexc_row_launch& launch, const flexc_row_segment& segment, const std::vector<float>& scores) {
  alignas(FLEXC_ROW_ALIGNMENT) float s[kPadded] = {};
  alignas(FLEXC_ROW_ALIGNMENT) std::uint64_t keep[kPadded / 64];
  std::fill(std::begin(keep), std::end(keep), ~std::uint64_t{0});
  std::copy(scores.begin(), scores.end(), s);
  const auto count = static_cast<std::size_t>(segment.count), stride = count + 3;
  std::vector<std::uint64_t> table(stride * module.kv_side_slots + 1);
  if (module.kv_side) module.kv_side(&launch, nullptr, segment.b, segment.h, segment.kv_base, segment.kv_step, segment.count, table.data(), stride);
  const flexc_row_levels levels{nullptr, nullptr, module.kv_side_slots ? table.data() : nullptr, stride};
  Outputs out;
  if (module.score_row) module.score_row(&launch, &levels, &segment, s);
  if (module.affine_row) module.affine_row(&launch, &levels, &segment, &out.affine);
  if (module.mask_row) module.mask_row(&launch, &levels, &segment, keep);
  if (module.mask_row && count % 64 != 0 && keep[count / 64] >> (count % 64) != 0) out.broken = "mask_row sets bits beyond the segment's end";
  const LikeRows like = compare_like_rows(module, launch, levels, segment, std::max<std::int64_t>(segment.q - kNeighbours, 0), std::min(segment.q + kNeighbours + 1, launch.problem.q_total));
  out.like_rows = like.count;
  if (like.wrong) out.broken = fmt::format("row {} has the same mask key and other bits", *like.wrong);
  if (module.mask_row || module.band_row) keep_row(module, launch, levels, segment, keep);
  out.scores.assign(s, s + count);
  for (std::size_t i = 0; i < count; ++i) out.keep.push_back(keep[i / 64] >> (i % 64) & 1);
  return out;
}

void check_score(const dsl::Body& body, const Expectation& expectation, const Expected& expected, double oracle, const flexc_row_module& module,
                 const Outputs& out, std::size_t i, float score, Comparison& result, const std::function<std::string()>& place) {
  const auto fail = [&](const std::string& text) {
    if (result.difference.empty()) result.difference = text + " at " + place();
  };
  ++result.pairs;
  if (expectation.is_strict()) {
    const float exact = expected.real.has_numbers ? static_cast<float>(expected.real.lo) : std::numeric_limits<float>::quiet_NaN();
    if (!same_bits(exact, static_cast<float>(oracle))) return fail(fmt::format("the oracle gives {}, the definition {}", oracle, exact));
    if (module.score_row && !same_bits(out.scores[i], exact * kLog2E))
      return fail(fmt::format("strict score {} instead of {}", out.scores[i], exact * kLog2E));
    return;
  }
  ++result.floats;
  if (expected.real.is_narrow()) ++result.narrow;
  if (!expected.real.contains(oracle)) return fail(fmt::format("the oracle gives {}, not in {}", oracle, text_of(expected.real)));
  const Range logit = apply(dsl::Op::Mul, expected.real, Range::point(kLog2E));
  if (module.score_class == FLEXC_SCORE_IDENTITY) {
    if (!logit.contains(score * kLog2E)) fail(fmt::format("identity is not in {}", text_of(logit)));
    return;
  }
  if (!module.score_row) return fail("no score_row");
  if (!logit.contains(out.scores[i])) return fail(fmt::format("score {} not in {}", out.scores[i], text_of(logit)));
  if (!module.affine_row) return;
  const double column = static_cast<double>(out.affine.slope) * static_cast<double>(i), product = static_cast<double>(score / kScale);
  const bool is_finite = std::isfinite(out.affine.factor) && std::isfinite(out.affine.row) && std::isfinite(out.affine.slope) &&
                         std::isfinite(static_cast<float>(column));
  if (!is_finite || !std::isfinite(score)) return;  // the kernel calls score_row; inf in a score is inf in both forms
  const double affine = product * out.affine.factor + out.affine.row + column, error = affine_error(body, expected, product, static_cast<double>(i));
  if (!logit.has_numbers || affine < logit.lo - error || affine > logit.hi + error)
    if (!logit.may_be_nan) fail(fmt::format("affine score {} not in {} with error {}", affine, text_of(logit), error));
}

}  // namespace

std::vector<flexc_row_segment> random_segments(const dsl::Problem& p, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::int64_t bound) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound)); };
  std::vector<flexc_row_segment> segments = {{0, 0, 0, 0, 1, kMaxColumns}, {p.batch - 1, p.heads - 1, p.q_total - 1, p.kv_total - 1, 1, 1}};
  for (const std::int64_t step : {1, 2, 3, -1, 64, 1})
    segments.push_back(
        {below(p.batch), below(p.heads), below(p.q_total), step < 0 ? p.kv_total - 1 : below(p.kv_total), step, 1 + below(kMaxColumns)});
  segments.back().q += kFarPosition;
  segments.back().kv_base += kFarPosition - 30;
  return segments;
}

std::vector<flexc_row_segment> covering_segments(const dsl::Problem& p) {
  std::vector<flexc_row_segment> segments;
  for (std::int64_t first = 0; first < p.kv_total; first += kMaxColumns)
    segments.push_back({0, 0, 0, first, 1, std::min(kMaxColumns, p.kv_total - first)});
  return segments;
}

void compare(const dsl::NormalForm& form, const Data& data, const flexc_row_module& optimised, const flexc_row_module* plain,
             const std::vector<flexc_row_segment>& segments, std::uint64_t seed, Comparison& result) {
  std::mt19937_64 random(seed);
  const dsl::Environment& environment = data.environment();
  std::optional<dsl::Evaluator> oracle_score, oracle_mask;
  std::optional<Expectation> score, mask;
  if (form.score) {
    oracle_score.emplace(*form.score, form, environment, data.fresh_sizes());
    score.emplace(*form.score, form, environment, data.fresh_sizes());
  }
  if (form.mask) {
    oracle_mask.emplace(*form.mask, form, environment, data.fresh_sizes());
    mask.emplace(*form.mask, form, environment, data.fresh_sizes());
  }
  const bool is_loose = score && score->is_loose();
  for (std::size_t round = 0; round < segments.size() && result.difference.empty(); ++round) {
    const flexc_row_segment& segment = segments[round];
    std::vector<float> scores;
    for (std::int64_t i = 0; i < segment.count; ++i) scores.push_back(any_float(random, round % 2 ? 30 : 5));
    const Outputs out = run(optimised, data.launch(), segment, scores);
    result.like_rows += static_cast<std::size_t>(out.like_rows);
    if (!out.broken.empty()) result.difference = out.broken + " at " + place_of(segment, 0, 0);
    std::optional<Outputs> other;
    if (plain) other = run(*plain, data.launch(), segment, scores);
    for (std::size_t i = 0; i < scores.size() && result.difference.empty(); ++i) {
      const std::int64_t kv = segment.kv_base + segment.kv_step * static_cast<std::int64_t>(i);
      const double reach = std::fabs(static_cast<double>(segment.kv_base)) + std::fabs(static_cast<double>(segment.kv_step * segment.count));
      const Point point{scores[i], segment.b, segment.h, segment.q, kv, reach};
      const std::function<std::string()> place = [&] { return place_of(segment, i, scores[i]); };
      const auto fail = [&](const std::string& text) {
        if (result.difference.empty()) result.difference = text + " at " + place();
      };
      if (score) {
        const double oracle = oracle_score->score(scores[i], segment.b, segment.h, segment.q, kv);
        check_score(*form.score, *score, score->at(point), oracle, optimised, out, i, scores[i], result, place);
        if (other && is_loose) check_score(*form.score, *score, score->at(point), oracle, *plain, *other, i, scores[i], result, place);
        else if (other && optimised.score_row && !same_bits(out.scores[i], other->scores[i]))
          fail(fmt::format("optimised {}, plain {}", out.scores[i], other->scores[i]));
      }
      if (mask) {
        ++result.pairs;
        const bool expected = mask->at(point).integer != 0, oracle = oracle_mask->mask(segment.b, segment.h, segment.q, kv);
        if (expected != oracle)
          fail(fmt::format("the oracle's mask is {}, the definition's {}", oracle, expected));
        else if (out.keep[i] != expected)
          fail(fmt::format("mask {} instead of {}", out.keep[i], expected));
        else if (other && other->keep[i] != expected)
          fail(fmt::format("plain mask {} instead of {}", other->keep[i], expected));
      }
    }
  }
}

}  // namespace random_mods
