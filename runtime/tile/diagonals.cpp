#include "runtime/tile/diagonals.h"

#include <algorithm>

#include "runtime/tile/device_machine.h"

namespace flexc::tile {

bool is_diagonal(const Plane& plane) {
  const auto& instructions = plane.binding().program.instructions;
  const auto op_of = [&](Register at) { return at < instructions.size() ? instructions[at].op : Opcode::Count; };
  const auto is_position = [&](Register at) { return op_of(at) == Opcode::QIdx || op_of(at) == Opcode::KvIdx; };
  for (const Step& step : plane.steps()) {
    if (is_position(step.to)) continue;
    if (step.op >= Opcode::LoopSumI && step.op <= Opcode::LoopMaxF) return false;  // its elements may read positions as they are
    if (step.kind == Step::Kind::Linear) {
      Int sum = 0;
      for (const auto& term : plane.linear()[step.extra].terms)
        if (is_position(term.at)) sum += term.coefficient;
      if (sum != 0) return false;
    } else if (step.kind == Step::Kind::Gather) {
      for (const Register index : plane.gathers()[step.extra].index)
        if (is_position(index)) return false;
    } else if (step.op == Opcode::Sub && is_position(step.a) && is_position(step.b)) {
      if (plane.range(step.to) == kAnyInt) return false;  // it may wrap, and then only the program itself says what it is
    } else if (is_position(step.a) || is_position(step.b) || is_position(step.c)) {
      return false;
    }
  }
  return true;
}

template <class Machine>
Int classify_diagonals(const Tiles& tiles, Machine& machine, Verdicts<Machine>& verdicts, Effort& effort, std::vector<Item>& items, std::vector<OpenTile>& open) {
  const BlockMask& shape = tiles.shape();
  const Int rows = shape.q_len / shape.block_q, columns = shape.kv_len / shape.block_kv;  // whole tiles
  Int kept = 0;
  if (rows > 0 && columns > 0) {
    // Diagonal d holds the tiles with column − row = d.
    const Int least = 1 - rows, most = columns - 1;
    std::vector<TileKind> kinds(static_cast<std::size_t>(most - least + 1));
    std::vector<OpenTile> undecided;
    std::vector<Int> diagonal_of;
    constexpr auto kLanes = static_cast<Int>(Machine::kLanes);
    std::vector<Region> regions(Machine::kLanes);
    for (Int first = least; first <= most; first += kLanes) {
      const auto count = static_cast<std::size_t>(std::min(kLanes, most - first + 1));
      for (std::size_t i = 0; i < count; ++i) {
        const Int d = first + static_cast<Int>(i), row = std::max<Int>(0, -d), column = std::max<Int>(0, d);
        regions[i] = tiles.region(row, row + 1, column, column + 1);
      }
      const Truth* values = machine.evaluate(regions.data(), count);
      effort.evaluations += static_cast<Int>(count);
      for (std::size_t i = 0; i < count; ++i) {
        const Int d = first + static_cast<Int>(i);
        kinds[static_cast<std::size_t>(d - least)] = values[i] == kTrue ? TileKind::Full : TileKind::Empty;
        if (values[i] != kEither) continue;
        undecided.push_back({regions[i]});
        diagonal_of.push_back(d);
      }
    }
    verdicts.settle(undecided);
    for (std::size_t i = 0; i < undecided.size(); ++i) {
      const Int d = diagonal_of[i];
      kinds[static_cast<std::size_t>(d - least)] = undecided[i].kind;
      const Int length = std::min(rows, columns - d) - std::max<Int>(0, -d);
      if (undecided[i].kind == TileKind::Partial) kept += undecided[i].kept * length;
    }
    struct Run {
      Int begin, end;  // of diagonals
      TileKind kind;
    };
    std::vector<Run> runs;
    for (Int d = least; d <= most; ++d) {
      const TileKind kind = kinds[static_cast<std::size_t>(d - least)];
      if (kind == TileKind::Empty) continue;
      if (!runs.empty() && runs.back().end == d && runs.back().kind == kind) ++runs.back().end;
      else runs.push_back({d, d + 1, kind});
    }
    for (Int row = 0; row < rows; ++row) {
      auto run = std::ranges::lower_bound(runs, -row, {}, [](const Run& r) { return r.end - 1; });
      for (; run != runs.end() && run->begin < columns - row; ++run) {
        const Int begin = std::max<Int>(run->begin + row, 0), end = std::min(run->end + row, columns);
        items.push_back({static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin), run->kind});
      }
    }
  }
  // Tiles that the end of a sequence cuts are no part of a diagonal.
  descend(tiles, 0, rows, columns, tiles.columns(), machine, kIntMax, effort, items, open);
  descend(tiles, rows, tiles.rows(), 0, tiles.columns(), machine, kIntMax, effort, items, open);
  return kept;
}

template Int classify_diagonals(const Tiles&, RangeMachine&, Verdicts<RangeMachine>&, Effort&, std::vector<Item>&, std::vector<OpenTile>&);
template Int classify_diagonals(const Tiles&, DeviceMachine&, Verdicts<DeviceMachine>&, Effort&, std::vector<Item>&, std::vector<OpenTile>&);

}  // namespace flexc::tile
