#include "runtime/tile/plane.h"

#include <algorithm>

#include "runtime/tile/device_machine.h"
#include "runtime/tile/ranges.h"

namespace flexc::tile {

/// An integer as constant + Σ coefficient · register. Coefficients and sums that leave 64 bits are refused (`exact` false).
struct LinearSum {
  Int constant = 0;
  std::vector<LinearCompare::Term> terms;
  bool exact = true;

  void add(const LinearSum& other, Int factor) {
    Int scaled = 0;
    if (!other.exact || __builtin_mul_overflow(other.constant, factor, &scaled) || __builtin_add_overflow(constant, scaled, &constant)) exact = false;
    for (const auto& [at, coefficient] : other.terms) {
      if (__builtin_mul_overflow(coefficient, factor, &scaled)) exact = false;
      const auto known = std::ranges::find(terms, at, &LinearCompare::Term::at);
      if (known == terms.end()) terms.push_back({at, scaled});
      else if (__builtin_add_overflow(known->coefficient, scaled, &known->coefficient)) exact = false;
    }
    std::erase_if(terms, [](const LinearCompare::Term& term) { return term.coefficient == 0; });
    constexpr std::size_t kMaxTerms = 16;
    if (terms.size() > kMaxTerms) exact = false;
  }
};

namespace {

using Linear = LinearSum;

__extension__ using Wide = __int128;

constexpr Int kLargest = Int{1} << 61;  ///< sums below it neither wrap nor overflow when two are subtracted

Linear single(Register at) {
  Linear form;
  form.terms.push_back({at, 1});
  return form;
}

/// The greatest magnitude that the sum can have, as far as 64 bits hold it.
bool is_small(const Linear& form, const Plane& plane) {
  if (!form.exact) return false;
  if (sabotaged(Sabotage::LinearForgetsOverflow)) return true;
  Wide most = form.constant < 0 ? -static_cast<Wide>(form.constant) : form.constant;
  for (const auto& [at, coefficient] : form.terms) {
    const IntRange range = plane.range(at);
    const auto magnitude = [](Int value) { return value < 0 ? -static_cast<Wide>(value) : static_cast<Wide>(value); };
    most += magnitude(coefficient) * std::max(magnitude(range.lo), magnitude(range.hi));
    if (most > kLargest) return false;
  }
  return most <= kLargest;
}

bool is_integer_comparison(Opcode op) { return op >= Opcode::Eq && op <= Opcode::Ge; }

}  // namespace

Register Plane::add_register(Type type, std::uint8_t depends) {
  types_.push_back(type);
  depends_.push_back(depends);
  integers_.push_back(0);
  reals_.push_back(0);
  ranges_.push_back(kAnyInt);
  return static_cast<Register>(types_.size() - 1);
}

Plane::Plane(Binding& binding, Int b, Int h, const Region& whole) : binding_(&binding), b_(b), h_(h), whole_(whole), result_(binding.program.result) {
  // Summaries of lines that only some batch or head reads: planes hold theirs, the binding must not hold all.
  constexpr std::size_t kMostSummaries = 64;
  const auto bound = [](auto& summaries) {
    if (summaries.size() > kMostSummaries) summaries.clear();
  };
  bound(binding.lines_), bound(binding.grids_), bound(binding.remote_lines_), bound(binding.remote_grids_);
  const Program& program = binding.program;
  PointMachine points(program, binding.analysis, binding.launch);
  points.set_plane(b, h);
  for (Register i = 0; i < program.instructions.size(); ++i) {
    const Type type = type_of(program.instructions[i].op);
    const auto coordinates = static_cast<std::uint8_t>(binding.analysis.depends[i] & (kOnQ | kOnKv | kOnIndex));
    add_register(type, coordinates);
    if (!points.is_fixed(i)) continue;
    if (type == Type::I64) integers_[i] = points.integer(i);
    else if (type == Type::F32) reals_[i] = points.real(i);
    else integers_[i] = points.truth(i);
    if (type == Type::I64) ranges_[i] = {integers_[i], integers_[i]};
  }
  constant_ = points.is_fixed(result_);
  constant_value_ = constant_ && points.truth(result_);
  if (constant_) return;
  for (Register i = 0; i < program.instructions.size(); ++i) {
    if ((depends_[i] & (kOnQ | kOnKv)) == 0 || (depends_[i] & kOnIndex)) continue;
    const Instruction& instruction = program.instructions[i];
    const auto operands = program.operands_of(instruction);
    Step step;
    step.op = instruction.op;
    step.imm = instruction.imm;
    step.to = i;
    step.bits = type_of(step.op) == Type::I64 && binding.analysis.needs_bits[i];
    step.a = operands.empty() ? i : operands[0];
    step.b = operands.size() > 1 ? operands[1] : step.a;
    step.c = operands.size() > 2 ? operands[2] : step.a;
    if (operands_of(step.op) == "*") {
      step.kind = Step::Kind::Gather;
      step.extra = static_cast<std::uint32_t>(gathers_.size());
      gathers_.push_back(plan_gather(instruction));
    } else if (step.op >= Opcode::LoopSumI && step.op <= Opcode::LoopMaxF) {
      step.a = step.b = step.c = i;  // its operands are not looked at
    }
    steps_.push_back(step);
  }
  drop_dead_steps();
  plan_signatures();
  if (binding.launch.remote != nullptr) find_ranges<DeviceMachine>();
  else find_ranges<RangeMachine>();
  split_magnitudes(relate_comparisons());
  drop_dead_steps();
}

template <class Machine>
void Plane::find_ranges() {
  Machine machine(*this);
  machine.evaluate(&whole_, 1);
  for (const Step& step : steps_)
    if (types_[step.to] == Type::I64) ranges_[step.to] = machine.integer(step.to, 0);
}

GatherPlan Plane::plan_gather(const Instruction& instruction) {
  const auto number = instruction.imm;
  const TensorView& view = binding_->launch.captures[static_cast<std::size_t>(number)];
  const auto indices = binding_->program.operands_of(instruction);
  GatherPlan plan;
  Int base = 0;
  std::uint32_t varying[2] = {0, 0}, count = 0;
  for (std::uint32_t axis = 0; axis < indices.size(); ++axis) {
    if (depends_[indices[axis]] != 0) {
      if (count < 2) {
        varying[count] = axis;
        plan.index[count] = indices[axis];
      }
      ++count;
      continue;
    }
    const Int place = place_of_index(integers_[indices[axis]], view.shape[axis]);
    if (place < 0) {
      plan.kind = GatherPlan::Kind::Zero;
      plan.index[0] = plan.index[1] = indices[axis];
      return plan;
    }
    base += place * view.strides[axis];
  }
  if (count < 2) plan.index[1] = plan.index[0];
  Remote* const remote = binding_->launch.remote;
  const auto found = [](auto& summaries, std::tuple<Int, std::uint32_t, Int> place, auto make) {
    auto& summary = summaries[place];
    if (!summary) summary = make();
    return summary;
  };
  if (count == 1) {
    const Line line{&view, base, view.shape[varying[0]], view.strides[varying[0]]};
    const std::tuple<Int, std::uint32_t, Int> place{number, varying[0], base};
    plan.kind = GatherPlan::Kind::Line;
    if (remote != nullptr) plan.remote_line = found(binding_->remote_lines_, place, [&] { return std::make_shared<RemoteLine>(remote->device(), line); });
    else plan.line = found(binding_->lines_, place, [&] { return std::make_shared<LineSummary>(line, true); });
  } else if (count == 2) {
    const Int extents[2] = {view.shape[varying[0]], view.shape[varying[1]]}, strides[2] = {view.strides[varying[0]], view.strides[varying[1]]};
    const std::tuple<Int, std::uint32_t, Int> place{number, varying[0] * static_cast<std::uint32_t>(kMaxRank) + varying[1], base};
    plan.kind = GatherPlan::Kind::Grid;
    if (remote != nullptr) plan.remote_grid = found(binding_->remote_grids_, place, [&] { return std::make_shared<RemoteGrid>(remote->device(), view, base, extents, strides); });
    else plan.grid = found(binding_->grids_, place, [&] { return std::make_shared<GridSummary>(view, base, extents, strides); });
  }
  return plan;
}

void Plane::plan_signatures() {
  const auto line_of = [&](Register at) -> const Step* {
    for (const Step& step : steps_)
      if (step.to == at) return step.kind == Step::Kind::Gather && step.op == Opcode::GatherI && gathers_[step.extra].kind == GatherPlan::Kind::Line ? &step : nullptr;
    return nullptr;
  };
  for (Step& step : steps_) {
    if (step.op != Opcode::Eq && step.op != Opcode::Ne) continue;
    const Step *a = line_of(step.a), *b = line_of(step.b);
    if (!a || !b) continue;
    const auto facts = [&](const Step& gather) -> LineFacts& {
      const GatherPlan& plan = gathers_[gather.extra];
      return plan.remote_line ? static_cast<LineFacts&>(*plan.remote_line) : *plan.line;
    };
    LineFacts &left = facts(*a), &right = facts(*b);
    if (left.is_sorted() && right.is_sorted()) continue;
    const IntRange values = hull(left.all(), right.all());
    const std::size_t words = word(values.hi) - word(values.lo) < 64 ? 1 : kMaxSignatureWords;
    left.add_signatures(words);
    right.add_signatures(words);
    if (left.signature_words() != right.signature_words() || left.signature_words() == 0) continue;
    step.signatures = true;
    step.imm = static_cast<Int>(a->extra | Word{b->extra} << 32);
  }
}

/// Comparisons of sums become comparisons of their difference with 0, where neither sum can wrap: what both sides have cancels.
std::vector<LinearSum> Plane::relate_comparisons() {
  std::vector<Linear> forms(types_.size());
  const auto form_of = [&](Register at) {
    if (depends_[at] != 0) return forms[at].terms.empty() && forms[at].constant == 0 ? single(at) : forms[at];
    Linear constant;
    constant.constant = integers_[at];
    return constant;
  };
  for (Step& step : steps_) {
    if (step.kind != Step::Kind::Operation) continue;
    Linear form;
    switch (step.op) {
      case Opcode::Add: case Opcode::Sub:
        form.add(form_of(step.a), 1);
        form.add(form_of(step.b), step.op == Opcode::Add ? 1 : -1);
        break;
      case Opcode::Neg: form.add(form_of(step.a), -1); break;
      case Opcode::Mul:
        if (depends_[step.a] != 0 && depends_[step.b] != 0) continue;
        form.add(form_of(depends_[step.a] != 0 ? step.a : step.b), integers_[depends_[step.a] != 0 ? step.b : step.a]);
        break;
      default: {
        if (!is_integer_comparison(step.op)) continue;
        const Linear left = form_of(step.a), right = form_of(step.b);
        if (!is_small(left, *this) || !is_small(right, *this)) continue;
        Linear difference = left;
        difference.add(right, -1);
        if (!difference.exact || step.signatures) continue;
        const bool cancels = difference.terms.size() < left.terms.size() + right.terms.size();
        const bool is_band = std::ranges::any_of(difference.terms, [&](const auto& term) { return term.at < binding_->program.instructions.size() && binding_->program.instructions[term.at].op == Opcode::KvIdx; });
        const bool is_magnitude = difference.terms.size() == 1;
        if (!cancels && !is_band && !is_magnitude) continue;
        step.kind = Step::Kind::Linear;
        step.extra = static_cast<std::uint32_t>(linear_.size());
        linear_.push_back({step.op, difference.constant, difference.terms});
        continue;
      }
    }
    // A sum that is no sum of its operands' values (it wraps somewhere) stays a value of its own.
    if (is_small(form, *this)) forms[step.to] = form;
  }
  return forms;
}

/// |x| <= r is x <= r and −x <= r, |x| >= r is x >= r or −x >= r: so a band of |q − kv| is read off like any other.
void Plane::split_magnitudes(const std::vector<LinearSum>& sums) {
  std::vector<Step> steps;
  const auto step_of = [&](Register at) -> const Step* {
    const auto found = std::ranges::find(steps, at, &Step::to);
    return found == steps.end() ? nullptr : &*found;
  };
  for (const Step& step : steps_) {
    const auto keep = [&] { steps.push_back(step); };
    if (step.kind != Step::Kind::Linear || linear_[step.extra].terms.size() != 1) { keep(); continue; }
    const LinearCompare compare = linear_[step.extra];
    const auto [at, coefficient] = compare.terms[0];
    const Step* magnitude = step_of(at);
    if (!magnitude || magnitude->op != Opcode::Abs || (coefficient != 1 && coefficient != -1) || compare.op < Opcode::Lt) { keep(); continue; }
    // To: |x| <= r (at most) or |x| >= r.
    const bool reversed = compare.op == Opcode::Gt || compare.op == Opcode::Ge;
    const Int strict = compare.op == Opcode::Lt || compare.op == Opcode::Gt ? 1 : 0;
    const bool at_most = (coefficient > 0) != reversed;
    // coefficient·|x| + constant <= 0 (or >= 0 where reversed)
    const Int r = at_most ? (coefficient > 0 ? -compare.constant : compare.constant) - strict : (coefficient > 0 ? -compare.constant : compare.constant) + strict;
    if (at_most ? r < 0 : r <= 0) { keep(); continue; }
    const Linear& sum = sums[magnitude->a];
    const Linear x = sum.terms.empty() ? single(magnitude->a) : sum;
    if (!is_small(x, *this) || r > kLargest) { keep(); continue; }
    Step parts[2];
    for (int side = 0; side < 2; ++side) {
      Linear form;  // ±x − r <= 0, or >= 0
      form.add(x, side == 0 ? 1 : -1);
      form.constant -= r;
      parts[side].kind = Step::Kind::Linear;
      parts[side].op = at_most ? Opcode::Le : Opcode::Ge;
      parts[side].to = add_register(Type::Bool, depends_[step.to]);
      parts[side].a = parts[side].b = parts[side].c = parts[side].to;
      parts[side].extra = static_cast<std::uint32_t>(linear_.size());
      linear_.push_back({parts[side].op, form.constant, form.terms});
      steps.push_back(parts[side]);
    }
    Step joined;
    joined.op = at_most ? Opcode::AndB : Opcode::OrB;
    joined.to = step.to;
    joined.a = joined.c = parts[0].to;
    joined.b = parts[1].to;
    steps.push_back(joined);
  }
  steps_ = std::move(steps);
}

void Plane::drop_dead_steps() {
  std::vector<bool> needed(types_.size(), false);
  needed[result_] = true;
  std::vector<Step> kept;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (!needed[step->to]) continue;
    kept.push_back(*step);
    if (step->kind == Step::Kind::Linear) {
      for (const auto& term : linear_[step->extra].terms) needed[term.at] = true;
    } else if (step->kind == Step::Kind::Gather) {
      for (const Register index : gathers_[step->extra].index) needed[index] = true;
    } else {
      for (const Register operand : {step->a, step->b, step->c}) needed[operand] = true;
    }
  }
  std::ranges::reverse(kept);
  steps_ = std::move(kept);
}

}  // namespace flexc::tile
