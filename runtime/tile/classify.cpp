#include "runtime/tile/classify.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <thread>

#include "runtime/tile/bands.h"
#include "runtime/tile/descent.h"
#include "runtime/tile/diagonals.h"
#include "runtime/tile/positions.h"

namespace flexc::tile {
namespace {

constexpr Int kBandRows = 512;      ///< rows of a panel where a row costs one evaluation: its buffers stay in the cache
constexpr Int kDescentRows = 128;   ///< and where it is descended into
constexpr Int kBandRowsOfThread = 65536;  ///< so many rows are worth a thread
constexpr Int kLeastBudget = 4096;  ///< of a panel

/// What one stretch of rows of a plane gave.
struct Panel {
  std::vector<Item> items;
  std::vector<OpenTile> open;
  Effort effort;
  bool exhausted = false;
  /// Empty again, with the memory that it has.
  void clear() {
    items.clear();
    open.clear();
    effort = {};
    exhausted = false;
  }
};

/// The stretches of a block of rows, in tiles: those within one stretch are settled, a tile with a false and a true stretch is
/// partial, and the rest is open; so are all partial ones where their pairs are to be counted. Inlined by force: two machines use
/// it, and as a call it takes a fifth of a band's time.
[[gnu::always_inline]] inline void tiles_of_stretches(const Tiles& tiles, std::uint32_t row, const Region& region, const std::vector<Stretch>& stretches, bool counts, Panel& panel) {
  Int pending = -1;
  Truth seen = 0;
  bool undecided = false;
  const auto flush = [&]() __attribute__((always_inline)) {
    if (pending < 0) return;
    const auto column = static_cast<std::uint32_t>(pending);
    if (seen == kEither && !counts) {
      panel.items.push_back({row, column, 1, TileKind::Partial});
    } else if (undecided || seen == kEither) {
      panel.items.push_back({row, column, 1, TileKind::Partial, true, static_cast<std::uint32_t>(panel.open.size())});
      panel.open.push_back({tiles.region(row, row + 1, pending, pending + 1), seen});
    } else if (seen == kTrue) {
      panel.items.push_back({row, column, 1, TileKind::Full});
    }
    pending = -1;
  };
  const auto touch = [&](Int column, Truth value) {
    if (column != pending) {
      flush();
      pending = column;
      seen = 0;
      undecided = false;
    }
    if (value == kEither) undecided = true;
    else seen |= value & kEither;
  };
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const Int begin = stretches[i].begin, end = i + 1 < stretches.size() ? stretches[i + 1].begin : region.k1;
    const Int first = tiles.column_of(begin), last = tiles.column_of(end - 1);
    const Truth value = stretches[i].value;
    touch(first, value);
    if (last == first) continue;
    if (value == kTrue && last - first > 1) {
      flush();
      panel.items.push_back({row, static_cast<std::uint32_t>(first + 1), static_cast<std::uint32_t>(last - first - 1), TileKind::Full});
    } else if ((value & kEither) == kEither) {
      for (Int column = first + 1; column < last; ++column) touch(column, value);
    }
    touch(last, value);
  }
  flush();
}

template <class Machine>
void classify_band(const Tiles& tiles, const Band& band, Int r0, Int r1, bool counts, Machine& machine, Panel& panel) {
  constexpr auto kLanes = static_cast<Int>(Machine::kLanes);
  const auto most = static_cast<std::size_t>(std::min(kLanes, r1 - r0));
  std::vector<Region> regions(most);
  std::vector<std::vector<Stretch>> stretches(most);
  for (Int row = r0; row < r1; row += kLanes) {
    const auto count = static_cast<std::size_t>(std::min(kLanes, r1 - row));
    for (std::size_t i = 0; i < count; ++i) regions[i] = tiles.region(row + static_cast<Int>(i), row + static_cast<Int>(i) + 1, 0, tiles.columns());
    band.evaluate(machine, regions.data(), count, stretches.data());
    panel.effort.evaluations += static_cast<Int>(count);
    for (std::size_t i = 0; i < count; ++i) tiles_of_stretches(tiles, static_cast<std::uint32_t>(row) + static_cast<std::uint32_t>(i), regions[i], stretches[i], counts, panel);
  }
}

/// Settled items into the runs of their rows.
class Assembly {
 public:
  Assembly(BlockMask& mask, const Tiles& tiles, bool counts) : mask_(mask), tiles_(tiles), counts_(counts) {}

  /// Items of rows r0 … r1−1, in any order.
  void add(std::vector<Item>& items, const std::vector<OpenTile>& open, Int r0, Int r1) {
    const auto before = [](const Item& a, const Item& b) { return a.row != b.row ? a.row < b.row : a.first < b.first; };
    if (!std::ranges::is_sorted(items, before)) std::ranges::sort(items, before);
    auto item = items.begin();
    for (Int row = r0; row < r1; ++row) {
      for (; item != items.end() && item->row == row; ++item) {
        const TileKind kind = item->open ? open[item->tile].kind : item->kind;
        if (counts_) kept += item->open ? open[item->tile].kept : kind == TileKind::Full ? pairs(*item) : 0;
        if (kind == TileKind::Empty) continue;
        const bool extends = mask_.runs.size() > mask_.row_begin.back() && mask_.runs.back().kind == kind && mask_.runs.back().first + mask_.runs.back().count == item->first;
        if (extends) mask_.runs.back().count += item->count;
        else mask_.runs.push_back({item->first, item->count, kind});
      }
      mask_.row_begin.push_back(mask_.runs.size());
    }
  }
  Int kept = 0;

 private:
  Int pairs(const Item& item) const {
    const Region at = tiles_.region(item.row, Int{item.row} + 1, item.first, Int{item.first} + item.count);
    return (at.q1 - at.q0) * (at.k1 - at.k0);
  }
  BlockMask& mask_;
  const Tiles& tiles_;
  const bool counts_;
};

/// One batch and head, whose captures are where the machine reads them.
template <class Machine>
class PlaneClassifier {
 public:
  PlaneClassifier(const Plane& plane, const Tiles& tiles, const ClassifyOptions& options) : plane_(plane), tiles_(tiles), options_(options) {
    if (plane.is_constant() || options.only_descent) return;
    diagonal_ = tiles.shape().block_q == tiles.shape().block_kv && tiles.rows() > 1 && tiles.columns() > 1 && is_diagonal(plane);
    if (!diagonal_) band_ = Band::of(plane);
  }

  Method method() const { return plane_.is_constant() ? Method::Constant : band_ ? Method::Band : diagonal_ ? Method::Diagonal : Method::Descent; }

  void run(Assembly& assembly, ClassifyReport& report) {
    const Int rows = tiles_.rows();
    if (plane_.is_constant()) {
      std::vector<Item> items;
      for (Int row = 0; row < rows && plane_.constant_value() && tiles_.columns() > 0; ++row)
        items.push_back({static_cast<std::uint32_t>(row), 0, static_cast<std::uint32_t>(tiles_.columns()), TileKind::Full});
      assembly.add(items, {}, 0, rows);
      return;
    }
    if (diagonal_) {
      Machine machine(plane_);
      Panel panel;
      Verdicts<Machine> verdicts(plane_, machine, options_.refine);
      assembly.kept += classify_diagonals(tiles_, machine, verdicts, panel.effort, panel.items, panel.open);
      verdicts.settle(panel.open);
      finish(panel, verdicts.effort, 0, rows, assembly, report);
      return;
    }
    // A device is asked about all rows at once, whose first regions are those of the panels here.
    const Int height = kOnDevice ? rows : band_ ? kBandRows : kDescentRows, count = (rows + height - 1) / height;
    const Int budget = options_.refine == Refine::Exact ? kIntMax : std::max(kLeastBudget, options_.node_budget / std::max<Int>(count, 1));
    const auto fill = [&](Int i, Panel& panel, Machine& machine, Verdicts<Machine>& verdicts) {
      const Int r0 = i * height, r1 = std::min(rows, r0 + height);
      if (band_) classify_band(tiles_, *band_, r0, r1, options_.refine == Refine::Exact, machine, panel);
      else panel.exhausted = !descend(tiles_, r0, r1, 0, tiles_.columns(), machine, budget, panel.effort, panel.items, panel.open, kDescentRows);
      verdicts.effort = {};
      verdicts.settle(panel.open);
      panel.effort += verdicts.effort;
    };
    const auto finish_panel = [&](Int i, Panel& panel) { finish(panel, {}, i * height, std::min(rows, (i + 1) * height), assembly, report); };
    const Int cores = options_.threads > 0 ? options_.threads : std::max<Int>(1, std::thread::hardware_concurrency());
    const Int threads = std::min({cores, count, band_ ? 1 + rows / kBandRowsOfThread : count});
    if (kOnDevice || threads == 1) {
      Machine machine(plane_);
      Verdicts<Machine> verdicts(plane_, machine, options_.refine);
      Panel panel;
      for (Int i = 0; i < count; ++i) {
        panel.clear();
        fill(i, panel, machine, verdicts);
        finish_panel(i, panel);
      }
      return;
    }
    std::vector<Panel> panels(static_cast<std::size_t>(count));
    std::atomic<Int> next{0};
    std::atomic<bool> failed{false};
    const auto work = [&] {
      Machine machine(plane_);
      Verdicts<Machine> verdicts(plane_, machine, options_.refine);
      for (Int i = next++; i < count; i = next++) fill(i, panels[static_cast<std::size_t>(i)], machine, verdicts);
    };
    {
      std::vector<std::jthread> helpers;
      // A helper that runs out of memory stops the others; an exception must not leave its thread.
      const auto help = [&] {
        try {
          work();
        } catch (...) {
          failed = true;
        }
      };
      for (Int i = 1; i < threads; ++i) helpers.emplace_back(help);
      help();
    }
    if (failed) throw std::bad_alloc();
    for (Int i = 0; i < count; ++i) finish_panel(i, panels[static_cast<std::size_t>(i)]);
  }

 private:
  static constexpr bool kOnDevice = std::is_same_v<Machine, DeviceMachine>;

  static void finish(Panel& panel, const Effort& settling, Int r0, Int r1, Assembly& assembly, ClassifyReport& report) {
    report.effort += panel.effort;
    report.effort += settling;
    report.budget_exhausted = report.budget_exhausted || panel.exhausted;
    assembly.add(panel.items, panel.open, r0, r1);
  }

  const Plane& plane_;
  const Tiles& tiles_;
  const ClassifyOptions& options_;
  std::optional<Band> band_;
  bool diagonal_ = false;
};

/// A kernel reads elements where they are aligned, or not at all.
Result<void> check_alignment(const Program& program, const Launch& launch) {
  for (const Instruction& instruction : program.instructions) {
    if (operands_of(instruction.op) != "*") continue;
    const TensorView& view = launch.captures[static_cast<std::size_t>(instruction.imm)];
    if (reinterpret_cast<std::uintptr_t>(view.data) % size_of(view.dtype) != 0)
      return std::unexpected(Error{ErrorKind::Input, "a capture in a GPU's memory is not at a multiple of its elements' size; copy it"});
  }
  return {};
}

}  // namespace

std::string_view name_of(Method method) {
  constexpr std::string_view kNames[] = {"constant", "band", "diagonal", "descent"};
  return kNames[static_cast<std::size_t>(method)];
}

Result<BlockMask> classify(const Program& program, const Launch& launch, const BlockMask& shape, const ClassifyOptions& options, ClassifyReport* report) try {
  if (has_steps(shape)) {
    auto mask = classify(at_rows(program, shape.q_positions(), shape.kv_positions()), launch, in_rows(shape), options, report);
    if (mask) mask->q_offset = shape.q_offset, mask->kv_offset = shape.kv_offset, mask->q_step = shape.q_step, mask->kv_step = shape.kv_step;
    return mask;
  }
  if (launch.remote != nullptr)
    if (auto status = check_alignment(program, launch); !status) return std::unexpected(std::move(status.error()));
  Binding binding(program, launch);
  BlockMask mask = shape;
  if (!binding.reads(kOnBatch)) mask.batches = 1;
  if (!binding.reads(kOnHead)) mask.heads = 1;
  mask.row_begin.assign(1, 0);
  mask.runs.clear();
  constexpr Int kMostReserved = Int{1} << 20;
  mask.row_begin.reserve(static_cast<std::size_t>(std::min(mask.rows(), kMostReserved)) + 1);
  mask.runs.reserve(static_cast<std::size_t>(std::min(3 * mask.rows(), kMostReserved)));
  ClassifyReport total;
  const Tiles tiles(mask);
  Assembly assembly(mask, tiles, options.refine == Refine::Exact);
  for (Int plane_number = 0; plane_number < mask.batches * mask.heads; ++plane_number) {
    if (tiles.rows() == 0 || tiles.columns() == 0) {
      mask.row_begin.resize(mask.row_begin.size() + static_cast<std::size_t>(tiles.rows()), 0);
      continue;
    }
    const Plane plane(binding, plane_number / mask.heads, plane_number % mask.heads, tiles.whole());
    const auto run = [&]<class Machine>(PlaneClassifier<Machine> classifier) {
      total.method = std::max(total.method, classifier.method());
      classifier.run(assembly, total);
    };
    if (launch.remote != nullptr) run(PlaneClassifier<DeviceMachine>(plane, tiles, options));
    else run(PlaneClassifier<RangeMachine>(plane, tiles, options));
  }
  if (options.refine == Refine::Exact) total.kept_pairs = assembly.kept;
  if (report) *report = total;
  return mask;
} catch (const DeviceFailure& failure) {
  return std::unexpected(failure.error);
} catch (const std::bad_alloc&) {
  return std::unexpected(Error{ErrorKind::Environment, "not enough memory for the block mask"});
} catch (const std::exception& error) {
  return std::unexpected(Error{ErrorKind::Environment, std::string("the block mask cannot be built: ") + error.what()});
}

}  // namespace flexc::tile
