#include "runtime/tile/bands.h"

#include <algorithm>

#include "runtime/tile/device_machine.h"

namespace flexc::tile {
namespace {

/// By positive divisors; nearly all are 1, and a division costs more than the rest of a cut.
Int down(Int a, Int b) { return b == 1 ? a : floor_div(a, b); }
Int up(Int a, Int b) { return b == 1 ? a : -floor_div(-a, b); }

Opcode opcode_of(const Plane& plane, Register i) {
  const auto& instructions = plane.binding().program.instructions;
  return i < instructions.size() ? instructions[i].op : Opcode::Count;
}

}  // namespace

std::optional<Band> Band::of(const Plane& plane) {
  Band band;
  band.plane_ = &plane;
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::vector<std::uint32_t> node_of(plane.register_count(), kNone);
  const auto add = [&](Register at, Node node) {
    node_of[at] = static_cast<std::uint32_t>(band.nodes_.size());
    band.nodes_.push_back(node);
  };
  const auto operand = [&](Register at) {
    if (node_of[at] == kNone && (plane.depends(at) & kOnKv) == 0) add(at, {plane.is_constant(at) ? Node::Kind::Constant : Node::Kind::Rows, at});
    return node_of[at];
  };
  for (const Step& step : plane.steps()) {
    if (plane.types()[step.to] != Type::Bool || (plane.depends(step.to) & kOnKv) == 0) continue;
    if (step.kind == Step::Kind::Linear) {
      const LinearCompare& compare = plane.linear()[step.extra];
      Inequality inequality{compare.op, 0, {compare.op, compare.constant, {}}, false};
      for (const auto& term : compare.terms) {
        if (opcode_of(plane, term.at) == Opcode::KvIdx) inequality.slope = term.coefficient;
        else if (plane.depends(term.at) & kOnKv) return std::nullopt;
        else inequality.rest.terms.push_back(term);
      }
      if (inequality.slope == 0 || band.inequalities_.size() == kMaxInequalities) return std::nullopt;
      // All orders become "sum >= 0".
      const bool negated = compare.op == Opcode::Le || compare.op == Opcode::Lt, strict = compare.op == Opcode::Lt || compare.op == Opcode::Gt;
      if (negated) {
        inequality.slope = -inequality.slope;
        inequality.rest.constant = -inequality.rest.constant;
        for (auto& term : inequality.rest.terms) term.coefficient = -term.coefficient;
      }
      inequality.rest.constant -= strict ? 1 : 0;
      if (compare.op != Opcode::Eq && compare.op != Opcode::Ne) {
        inequality.op = Opcode::Ge;
        inequality.is_attained = inequality.rest.terms.size() == 1 && opcode_of(plane, inequality.rest.terms[0].at) == Opcode::QIdx;
      }
      add(step.to, {Node::Kind::Inequality, static_cast<std::uint32_t>(band.inequalities_.size())});
      band.inequalities_.push_back(inequality);
      continue;
    }
    Node node;
    switch (step.op) {
      case Opcode::AndB: node.kind = Node::Kind::And; break;
      case Opcode::OrB: node.kind = Node::Kind::Or; break;
      case Opcode::XorB: node.kind = Node::Kind::Xor; break;
      case Opcode::NotB: node.kind = Node::Kind::Not; break;
      case Opcode::SelectB: node.kind = Node::Kind::Select; break;
      default: return std::nullopt;
    }
    node.a = operand(step.a), node.b = operand(step.b), node.c = operand(step.c);
    if (node.a == kNone || node.b == kNone || node.c == kNone) return std::nullopt;
    add(step.to, node);
  }
  if (node_of[plane.result()] == kNone) return std::nullopt;
  std::vector<int> uses(band.nodes_.size(), 0);
  for (const Node& node : band.nodes_) {
    const bool binary = node.kind == Node::Kind::And || node.kind == Node::Kind::Or || node.kind == Node::Kind::Xor;
    const int operands = binary ? 2 : node.kind == Node::Kind::Not ? 1 : node.kind == Node::Kind::Select ? 3 : 0;
    for (int i = 0; i < operands; ++i) ++uses[i == 0 ? node.a : i == 1 ? node.b : node.c];
  }
  for (std::size_t i = 0; i < band.nodes_.size(); ++i)
    if (band.nodes_[i].kind == Node::Kind::Inequality && uses[i] > 1) band.inequalities_[band.nodes_[i].a].is_attained = false;
  // The formula's value is read off the last node.
  if (node_of[plane.result()] + 1 != band.nodes_.size()) band.nodes_.resize(node_of[plane.result()] + 1);
  return band;
}

Band::Cut Band::cut(const Inequality& inequality, IntRange rest) {
  const Int slope = inequality.slope;
  if (inequality.op == Opcode::Ge) {
    if (slope > 0) return {up(-rest.hi, slope), up(-rest.lo, slope), kFalse, kEither, kTrue};
    const Int slack = sabotaged(Sabotage::BandOffByOne) ? 2 : 1;
    return {down(rest.lo, -slope) + slack, down(rest.hi, -slope) + slack, kTrue, kEither, kFalse};
  }
  const Int first = slope > 0 ? up(-rest.hi, slope) : up(rest.lo, -slope);
  const Int last = slope > 0 ? down(-rest.lo, slope) : down(rest.hi, -slope);
  const Truth outside = inequality.op == Opcode::Eq ? kFalse : kTrue;
  const bool settled = rest.is_point() && first == last;
  return {first, std::max(first, last + 1), outside, settled ? negation(outside) : kEither, outside};
}

template <class Machine>
void Band::evaluate(Machine& machine, const Region* regions, std::size_t count, std::vector<Stretch>* stretches) const {
  machine.evaluate_rows(regions, count);
  struct Masks {
    Word may_be_false, may_be_true;
  };
  std::vector<Masks> values(nodes_.size());
  std::vector<Cut> cuts(inequalities_.size());
  Int begins[2 * kMaxInequalities + 2];
  for (std::size_t lane = 0; lane < count; ++lane) {
    const Region& region = regions[lane];
    // Where stretches begin, in order and each once.
    std::size_t stretch_count = 1;
    begins[0] = region.k0;
    const auto insert = [&](Int at) {
      if (at <= region.k0 || at >= region.k1) return;
      std::size_t place = stretch_count;
      while (begins[place - 1] > at) --place;
      if (begins[place - 1] == at) return;
      for (std::size_t i = stretch_count; i > place; --i) begins[i] = begins[i - 1];
      begins[place] = at;
      ++stretch_count;
    };
    for (std::size_t i = 0; i < inequalities_.size(); ++i) {
      const LinearCompare& sum = inequalities_[i].rest;
      Int lo = sum.constant, hi = sum.constant;
      for (const auto& [at, coefficient] : sum.terms) {
        const IntRange term = machine.integer(at, lane);
        lo += coefficient * (coefficient > 0 ? term.lo : term.hi);
        hi += coefficient * (coefficient > 0 ? term.hi : term.lo);
      }
      cuts[i] = cut(inequalities_[i], {lo, hi});
      insert(cuts[i].first);
      insert(cuts[i].second);
    }
    const Word all = stretch_count == 64 ? ~Word{0} : (Word{1} << stretch_count) - 1;
    const auto below = [&](Int at) {  // stretches that begin before `at`
      std::size_t n = 0;
      while (n < stretch_count && begins[n] < at) ++n;
      return n == 64 ? ~Word{0} : (Word{1} << n) - 1;
    };
    // Where one inequality alone is undecided, and goes both ways, the formula goes both ways.
    Word once = 0, twice = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      Masks& to = values[i];
      const Masks &a = values[std::min<std::size_t>(node.a, i)], &b = values[std::min<std::size_t>(node.b, i)], &c = values[std::min<std::size_t>(node.c, i)];
      const auto uniform = [&](Truth value) { to = {value & kFalse ? all : 0, value & kTrue ? all : 0}; };
      const auto conjunction = [](Masks x, Masks y) { return Masks{x.may_be_false | y.may_be_false, x.may_be_true & y.may_be_true}; };
      const auto disjunction = [](Masks x, Masks y) { return Masks{x.may_be_false & y.may_be_false, x.may_be_true | y.may_be_true}; };
      const auto inverse = [](Masks x) { return Masks{x.may_be_true, x.may_be_false}; };
      switch (node.kind) {
        case Node::Kind::Inequality: {
          const Cut& at = cuts[node.a];
          const Word before = below(at.first), after = all & ~below(at.second), middle = all & ~before & ~after;
          const auto where = [&](Truth value) { return (at.before & value ? before : 0) | (at.middle & value ? middle : 0) | (at.after & value ? after : 0); };
          to = {where(kFalse), where(kTrue)};
          if (at.middle != kEither) break;
          twice |= inequalities_[node.a].is_attained ? once & middle : middle;
          once |= middle;
          break;
        }
        case Node::Kind::Rows:
          uniform(machine.truth(node.a, lane));
          if (machine.truth(node.a, lane) == kEither) twice = all;
          break;
        case Node::Kind::Constant: uniform(plane_->truth(node.a) ? kTrue : kFalse); break;
        case Node::Kind::And: to = conjunction(a, b); break;
        case Node::Kind::Or: to = disjunction(a, b); break;
        case Node::Kind::Xor: to = disjunction(conjunction(a, inverse(b)), conjunction(inverse(a), b)); break;
        case Node::Kind::Not: to = inverse(a); break;
        case Node::Kind::Select: to = {(a.may_be_true & b.may_be_false) | (a.may_be_false & c.may_be_false), (a.may_be_true & b.may_be_true) | (a.may_be_false & c.may_be_true)}; break;
      }
    }
    const Masks result = values.back();
    std::vector<Stretch>& out = stretches[lane];
    out.clear();
    for (std::size_t i = 0; i < stretch_count; ++i) {
      const Word bit = Word{1} << i;
      Truth value = truth_of((result.may_be_false & bit) != 0, (result.may_be_true & bit) != 0);
      if (value == kEither && (once & ~twice & bit) != 0) value = kMixed;
      if (sabotaged(Sabotage::BandUnknownIsFull) && value == kEither) value = kTrue;
      if (out.empty() || out.back().value != value) out.push_back({begins[i], value});
    }
  }
}

template void Band::evaluate(RangeMachine&, const Region*, std::size_t, std::vector<Stretch>*) const;
template void Band::evaluate(DeviceMachine&, const Region*, std::size_t, std::vector<Stretch>*) const;

}  // namespace flexc::tile
