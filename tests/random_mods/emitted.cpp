#include "tests/random_mods/emitted.h"

#include <fmt/format.h>

#include <cmath>

#include "tests/random_mods/judgement.h"

namespace random_mods {
namespace {

using namespace flexc;
using dsl::Op;

/// What the emitted mods give for a segment.
struct Outputs {
  std::vector<float> logits;
  std::vector<unsigned char> keep;
  float affine[3] = {0, 0, 0};
  bool same_without_table = true, same_by_factor = true;  ///< one NaN is as good as another
};

Outputs run(const EmittedMod& mod, const std::vector<std::uint64_t>& params, const flexc_row_segment& place, const std::vector<float>& acc) {
  const flexc_test::Segment segment{static_cast<int>(place.b), static_cast<int>(place.h), place.q, place.kv_base, place.kv_step, static_cast<int>(place.count)};
  Outputs out{std::vector<float>(acc.size()), std::vector<unsigned char>(acc.size(), 1), {}, true, true};
  std::vector<mods::u32> words(mod.hooks.column_words * acc.size());
  if (mod.code->columns) mod.code->columns(params.data(), segment, words.data());
  if (mod.code->affine) mod.code->affine(params.data(), segment, out.affine);
  if (mod.code->logit2) mod.code->logit2(params.data(), segment, words.data(), acc.data(), out.logits.data());
  std::vector<float> in_place(acc.size());
  if (mod.code->logit2) mod.code->logit2_in_place(params.data(), segment, words.data(), acc.data(), in_place.data());
  for (std::size_t i = 0; mod.code->logit2 && i < acc.size(); ++i) out.same_without_table &= same_bits(in_place[i], out.logits[i]);
  std::vector<float> factored = out.logits;
  if (mod.code->logit2_factored) mod.code->logit2_factored(params.data(), segment, words.data(), acc.data(), factored.data());
  for (std::size_t i = 0; i < acc.size(); ++i) out.same_by_factor &= same_bits(factored[i], out.logits[i]);
  if (mod.code->keep) mod.code->keep(params.data(), segment, words.data(), out.keep.data());
  return out;
}

/// The logits that a result may become: the result times log2(e), or, where it is a product with a factor (a quotient by a divisor) that
/// all pairs of a row share, the other operand times the product of that factor and log2(e), or, where it is the score and a difference's
/// value, each of them times log2(e) (docs/math.md).
Range logit_range(const dsl::Body& body, const Expectation& expectation, const Range& result, bool has_differences) {
  const Range log2e = Range::point(kLog2E);
  Range logit = apply(Op::Mul, result, log2e);
  // Simplification takes two negations away, so the product may stand below them.
  dsl::NodeId result_node = body.result;
  const auto operand_of = [&](dsl::NodeId id) { return body.nodes[id].operands.front(); };
  while (body.nodes[result_node].op == Op::Neg && body.nodes[operand_of(result_node)].op == Op::Neg) result_node = operand_of(operand_of(result_node));
  const dsl::Node& last = body.nodes[result_node];
  if (expectation.is_strict()) return logit;
  if (has_differences && (last.op == Op::Add || last.op == Op::Sub)) {
    const auto is_score = [&](dsl::NodeId id) { return body.nodes[id].op == Op::Score; };
    const auto term = [&](dsl::NodeId id) { return apply(Op::Mul, expectation.value(id).real, log2e); };
    const dsl::NodeId left = last.operands[0], right = last.operands[1];
    if (is_score(left) || is_score(right)) logit = united(logit, apply(last.op, term(left), term(right)));
    return logit;
  }
  if (last.op != Op::Mul && last.op != Op::Div) return logit;
  const dsl::NodeId left = last.operands[0], right = last.operands[1];
  const auto with = [&](const Range& factor, dsl::NodeId other) { logit = united(logit, apply(Op::Mul, expectation.value(other).real, apply(Op::Mul, factor, log2e))); };
  const Range& right_value = expectation.value(right).real;
  if (expectation.is_shared(right)) with(last.op == Op::Div ? reciprocal(right_value) : right_value, left);
  if (last.op == Op::Mul && expectation.is_shared(left)) with(expectation.value(left).real, right);
  return logit;
}

/// Empty, or what is wrong with the score of a pair.
std::string wrong_score(const dsl::Body& body, const Expectation& expectation, const Expected& expected, double oracle, const EmittedMod& mod, const Outputs& out,
                        std::size_t i, float score, float acc, Comparison& result) {
  ++result.pairs;
  if (expectation.is_strict()) {
    const float exact = expected.real.has_numbers ? static_cast<float>(expected.real.lo) : std::numeric_limits<float>::quiet_NaN();
    if (!same_bits(exact, static_cast<float>(oracle))) return fmt::format("the oracle gives {}, the definition {}", oracle, exact);
    if (mod.code->logit2 && !same_bits(out.logits[i], exact * kLog2E)) return fmt::format("strict logit {} instead of {}", out.logits[i], exact * kLog2E);
    return {};
  }
  ++result.floats;
  if (expected.real.is_narrow()) ++result.narrow;
  if (!expected.real.contains(oracle)) return fmt::format("the oracle gives {}, not in {}", oracle, text_of(expected.real));
  const Range logit = logit_range(body, expectation, expected.real, mod.hooks.relative_words > 0);
  if (!mod.code->logit2) return logit.contains(score * kLog2E) ? std::string() : fmt::format("identity is not in {}", text_of(logit));
  if (!logit.contains(out.logits[i])) return fmt::format("logit {} not in {}", out.logits[i], text_of(logit));
  if (!mod.code->affine) return {};
  const double column = static_cast<double>(out.affine[2]) * static_cast<double>(i), product = acc;
  const bool is_finite =
      std::isfinite(out.affine[0]) && std::isfinite(out.affine[1]) && std::isfinite(out.affine[2]) && std::isfinite(static_cast<float>(column)) && std::isfinite(score);
  if (!is_finite) return {};  // the kernel calls logit2
  const double affine = product * out.affine[0] + out.affine[1] + column, error = affine_error(body, expected, product, static_cast<double>(i));
  if (logit.may_be_nan || (logit.has_numbers && affine >= logit.lo - error && affine <= logit.hi + error)) return {};
  return fmt::format("affine logit {} not in {} with error {}", affine, text_of(logit), error);
}

/// score = acc · kScale without a rounding.
float product_of(float& score) {
  float acc = score / kScale;
  if (std::isinf(acc) && !std::isinf(score)) acc = score, score = acc * kScale;
  return acc;
}

void compare(const dsl::NormalForm& form, const Data& data, const EmittedMod& mod, const std::vector<flexc_row_segment>& segments, std::uint64_t seed, Comparison& result) {
  std::mt19937_64 random(seed);
  const dsl::Environment& environment = data.environment();
  std::optional<dsl::Evaluator> oracle_score, oracle_mask;
  std::optional<Expectation> score, mask;
  if (form.score) {
    oracle_score.emplace(*form.score, form, environment, data.fresh_sizes());
    score.emplace(*form.score, form, environment, data.fresh_sizes(), Floats::Units);
  }
  if (form.mask) {
    oracle_mask.emplace(*form.mask, form, environment, data.fresh_sizes());
    mask.emplace(*form.mask, form, environment, data.fresh_sizes());
  }
  const std::vector<std::uint64_t> params = mod.params(form, environment, data.fresh_sizes(), kScale);
  // The kernel's host fills the launch level by an interpreted program; what the emitted text would fill in must be the same.
  if (const std::string launch = mod.launch_difference(params); !launch.empty()) {
    result.difference = "launch level, " + launch.substr(0, launch.find('\n'));
    return;
  }
  for (std::size_t round = 0; round < segments.size() && result.difference.empty(); ++round) {
    const flexc_row_segment& segment = segments[round];
    std::vector<float> scores, acc;
    for (std::int64_t i = 0; i < segment.count; ++i) {
      float drawn = any_float(random, round % 2 ? 30 : 5);
      acc.push_back(product_of(drawn));
      scores.push_back(drawn);
    }
    const Outputs out = run(mod, params, segment, acc);
    if (!out.same_without_table) {
      result.difference = "logits without a table of differences are not what they are with one at " + place_of(segment, 0, scores[0]);
      return;
    }
    if (!out.same_by_factor) {
      result.difference = "logits are not elements times the factor at " + place_of(segment, 0, scores[0]);
      return;
    }
    if (mod.code->logit2_factored) result.factored += scores.size();
    if (mod.hooks.relative_words > 0) result.differences += scores.size();
    for (std::size_t i = 0; i < scores.size() && result.difference.empty(); ++i) {
      const std::int64_t kv = segment.kv_base + segment.kv_step * static_cast<std::int64_t>(i);
      const double reach = std::fabs(static_cast<double>(segment.kv_base)) + std::fabs(static_cast<double>(segment.kv_step * segment.count));
      const Point point{scores[i], segment.b, segment.h, segment.q, kv, reach, acc[i], kScale};
      const auto fail = [&](const std::string& text) { result.difference = text + " at " + place_of(segment, i, scores[i]); };
      if (score) {
        const double oracle = oracle_score->score(scores[i], segment.b, segment.h, segment.q, kv);
        const std::string wrong = wrong_score(*form.score, *score, score->at(point), oracle, mod, out, i, scores[i], acc[i], result);
        if (!wrong.empty()) fail(wrong);
      }
      if (mask && result.difference.empty()) {
        ++result.pairs;
        const bool expected = mask->at(point).integer != 0, oracle = oracle_mask->mask(segment.b, segment.h, segment.q, kv);
        if (expected != oracle) fail(fmt::format("the oracle's mask is {}, the definition's {}", oracle, expected));
        else if ((out.keep[i] != 0) != expected) fail(fmt::format("mask {} instead of {}", out.keep[i] != 0, expected));
      }
    }
  }
}

}  // namespace

Comparison judge_emitted(const dsl::NormalForm& form, const EmittedMod& mod, compiler::Member member, std::uint64_t seed) {
  Comparison result;
  for (int set = 0; set < kDataSets && result.difference.empty(); ++set) {
    const std::uint64_t number = seed * kDataSets + static_cast<std::uint64_t>(set);
    const Data data(form, number);
    if (!data.error().empty()) {
      result.difference = "the launch is refused: " + data.error();
      break;
    }
    const bool narrow = member == compiler::Member::Narrow;
    if (narrow && !allows_narrow(mod.hooks.manifest, data)) continue;
    const std::vector<flexc_row_segment> segments = random_segments(data.environment().problem, number);
    const std::size_t before = result.pairs;
    compare(form, data, mod, narrow ? narrow_segments(segments) : segments, number + 1, result);
    if (narrow) result.narrow_pairs += result.pairs - before;
  }
  return result;
}

}  // namespace random_mods
