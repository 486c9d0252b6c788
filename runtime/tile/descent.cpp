#include "runtime/tile/descent.h"

#include <algorithm>
#include <bit>

#include "runtime/tile/device_machine.h"

namespace flexc::tile {
namespace {

struct Node {
  Int r0, r1, c0, c1;
};

/// Where a stretch of n > 1 tiles is halved: its first part is a power of two long, so that parts stay aligned to summaries' runs.
Int split(Int begin, Int end) { return begin + static_cast<Int>(std::bit_ceil(static_cast<Word>(end - begin)) / 2); }

}  // namespace

template <class Machine>
bool descend(const Tiles& tiles, Int r0, Int r1, Int c0, Int c1, Machine& machine, Int budget, Effort& effort, std::vector<Item>& items, std::vector<OpenTile>& open, Int height) {
  if (r0 >= r1 || c0 >= c1) return true;
  const auto fill = [&](const Node& node, TileKind kind) {
    for (Int row = node.r0; row < node.r1; ++row)
      items.push_back({static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(node.c0), static_cast<std::uint32_t>(node.c1 - node.c0), kind});
  };
  std::vector<Node> stack, batch(Machine::kLanes);
  for (Int row = r0, end = r0; row < r1; row = end) {
    end = height > 0 ? std::min(row + height, r1) : r1;
    stack.push_back({row, end, c0, c1});
  }
  std::vector<Region> regions(Machine::kLanes);
  while (!stack.empty()) {
    const std::size_t count = std::min(stack.size(), Machine::kLanes);
    if (budget < static_cast<Int>(count)) {
      for (const Node& node : stack) fill(node, TileKind::Partial);
      return false;
    }
    budget -= static_cast<Int>(count);
    for (std::size_t i = 0; i < count; ++i) {
      batch[i] = stack.back();
      stack.pop_back();
      regions[i] = tiles.region(batch[i].r0, batch[i].r1, batch[i].c0, batch[i].c1);
    }
    const Truth* values = machine.evaluate(regions.data(), count);
    effort.evaluations += static_cast<Int>(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Node& node = batch[i];
      if (values[i] == kFalse) continue;
      if (values[i] == kTrue) {
        fill(node, TileKind::Full);
        continue;
      }
      const Int rows = node.r1 - node.r0, columns = node.c1 - node.c0;
      if (rows == 1 && columns == 1) {
        items.push_back({static_cast<std::uint32_t>(node.r0), static_cast<std::uint32_t>(node.c0), 1, TileKind::Partial, true, static_cast<std::uint32_t>(open.size())});
        open.push_back({regions[i]});
        continue;
      }
      // Long rectangles are halved along their length, others quartered.
      const bool cut_rows = rows > 1 && 2 * rows > columns, cut_columns = columns > 1 && 2 * columns > rows;
      const Int r = cut_rows ? split(node.r0, node.r1) : node.r1, c = cut_columns ? split(node.c0, node.c1) : node.c1;
      stack.push_back({node.r0, r, node.c0, c});
      if (cut_columns) stack.push_back({node.r0, r, c, node.c1});
      if (cut_rows) stack.push_back({r, node.r1, node.c0, c});
      if (cut_rows && cut_columns) stack.push_back({r, node.r1, c, node.c1});
    }
  }
  return true;
}

template bool descend(const Tiles&, Int, Int, Int, Int, RangeMachine&, Int, Effort&, std::vector<Item>&, std::vector<OpenTile>&, Int);
template bool descend(const Tiles&, Int, Int, Int, Int, DeviceMachine&, Int, Effort&, std::vector<Item>&, std::vector<OpenTile>&, Int);

}  // namespace flexc::tile
