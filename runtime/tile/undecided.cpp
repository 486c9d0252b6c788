#include "runtime/tile/undecided.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "runtime/tile/descent.h"
#include "runtime/tile/positions.h"

namespace flexc::tile {
namespace {

constexpr Int kSamplesOfSide = 256;  ///< rows and columns of a tile that are looked at

/// What a register takes at single pairs.
struct Seen {
  Int lo = kIntMax, hi = kIntMin;
  float least = 0, most = 0;
  bool any_real = false, nan = false;
  Truth truth = 0;
};

class Search {
 public:
  explicit Search(const Plane& plane) : plane_(plane), program_(plane.binding().program), ranges_(plane), points_(program_, plane.binding().analysis, plane.binding().launch), step_of_(plane.register_count()) {
    points_.set_plane(plane.b(), plane.h());
    for (const Step& step : plane.steps()) step_of_[step.to] = &step;
  }

  Culprit culprit(const Region& region) {
    const Truth value = ranges_.evaluate(&region, 1)[0];
    if (value != kEither) return {plane_.result(), 1, region, true};
    look(region);
    Register at = plane_.result();
    for (;;) {
      const std::optional<Register> below = wider_operand(at);
      if (!below) break;
      at = *below;
    }
    return {at, 1, region, false};
  }

 private:
  void look(const Region& region) {
    seen_.assign(program_.instructions.size(), {});
    const Int q_step = std::max<Int>(1, (region.q1 - region.q0) / kSamplesOfSide), k_step = std::max<Int>(1, (region.k1 - region.k0) / kSamplesOfSide);
    for (Int q = region.q0; q < region.q1; q += q_step)
      for (Int k = region.k0; k < region.k1; k += k_step) {
        points_.evaluate(&q, &k, 1);
        for (Register i = 0; i < seen_.size(); ++i) note(i);
      }
  }

  void note(Register i) {
    Seen& seen = seen_[i];
    switch (type_of(program_.instructions[i].op)) {
      case Type::Bool: seen.truth |= points_.truth(i) ? kTrue : kFalse; break;
      case Type::I64:
        seen.lo = std::min(seen.lo, points_.integer(i));
        seen.hi = std::max(seen.hi, points_.integer(i));
        break;
      case Type::F32: {
        const float value = points_.real(i);
        if (value != value) seen.nan = true;
        else {
          seen.least = seen.any_real ? std::min(seen.least, value) : value;
          seen.most = seen.any_real ? std::max(seen.most, value) : value;
          seen.any_real = true;
        }
        break;
      }
    }
  }

  /// Whether the range of a register holds more than what lies in it.
  bool is_wider(Register i) const {
    if (i >= seen_.size() || plane_.is_constant(i) || !step_of_[i]) return false;
    const Seen& seen = seen_[i];
    switch (plane_.types()[i]) {
      case Type::Bool: return ranges_.truth(i, 0) != seen.truth;
      case Type::I64: return ranges_.integer(i, 0).lo < seen.lo || ranges_.integer(i, 0).hi > seen.hi;
      case Type::F32: {
        const FloatRange range = ranges_.real(i, 0);
        return (range.nan && !seen.nan) || (seen.any_real && (range.lo < seen.least || range.hi > seen.most));
      }
    }
    return false;
  }

  std::optional<Register> wider_operand(Register at) const {
    const Step* const step = at < step_of_.size() ? step_of_[at] : nullptr;
    if (!step) return std::nullopt;
    std::vector<Register> operands;
    if (step->kind == Step::Kind::Linear) {
      for (const auto& term : plane_.linear()[step->extra].terms) operands.push_back(term.at);
    } else if (step->kind == Step::Kind::Gather) {
      for (const Register index : plane_.gathers()[step->extra].index) operands.push_back(index);
    } else {
      operands = {step->a, step->b, step->c};
    }
    // Conditions before numbers: they are nearer to the verdict.
    for (const bool conditions : {true, false})
      for (const Register operand : operands)
        if (operand != at && (plane_.types()[operand] == Type::Bool) == conditions && is_wider(operand)) return operand;
    return std::nullopt;
  }

  const Plane& plane_;
  const Program& program_;
  RangeMachine ranges_;
  PointMachine points_;
  std::vector<const Step*> step_of_;
  std::vector<Seen> seen_;
};

}  // namespace

UndecidedTiles undecided_tiles(const Program& program, const Launch& launch, const BlockMask& found, const BlockMask& exact, Int most) {
  if (has_steps(found)) {
    const PositionMap q = found.q_positions(), kv = found.kv_positions();
    UndecidedTiles open = undecided_tiles(at_rows(program, q, kv), launch, in_rows(found), in_rows(exact), most);
    for (Culprit& culprit : open.culprits) {
      culprit.at = culprit.at < kPositionRegisters ? program.result : culprit.at - kPositionRegisters;
      const Region rows = culprit.example;
      culprit.example = {q.at(rows.q0), q.at(rows.q1 - 1) + 1, kv.at(rows.k0), kv.at(rows.k1 - 1) + 1};
    }
    return open;
  }
  UndecidedTiles result;
  const Tiles tiles(found);
  const std::vector<std::uint8_t> called = found.dense(), truth = exact.dense();
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < called.size() && i < truth.size(); ++i)
    if (called[i] == static_cast<std::uint8_t>(TileKind::Partial) && truth[i] != called[i]) open.push_back(i);
  result.tiles = static_cast<Int>(open.size());
  if (open.empty()) return result;
  const auto count = std::min<std::size_t>(open.size(), static_cast<std::size_t>(std::max<Int>(most, 1)));
  const auto area = static_cast<std::size_t>(tiles.rows() * tiles.columns());
  Binding binding(program, launch);
  std::map<std::pair<Register, bool>, Culprit> culprits;
  std::optional<Plane> plane;
  std::optional<Search> search;
  std::size_t plane_number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t tile = open[i * open.size() / count];
    if (!plane || tile / area != plane_number) {
      plane_number = tile / area;
      search.reset();
      plane.emplace(binding, static_cast<Int>(plane_number) / found.heads, static_cast<Int>(plane_number) % found.heads, tiles.whole());
      if (!plane->is_constant()) search.emplace(*plane);
    }
    if (!search) continue;
    const auto row = static_cast<Int>(tile % area) / tiles.columns(), column = static_cast<Int>(tile % area) % tiles.columns();
    const Culprit culprit = search->culprit(tiles.region(row, row + 1, column, column + 1));
    ++result.examined;
    const auto [known, is_new] = culprits.try_emplace({culprit.at, culprit.in_rows}, culprit);
    if (!is_new) ++known->second.tiles;
  }
  for (const auto& [at, culprit] : culprits) result.culprits.push_back(culprit);
  std::ranges::stable_sort(result.culprits, std::greater{}, &Culprit::tiles);
  return result;
}

}  // namespace flexc::tile
