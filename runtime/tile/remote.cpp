#include "runtime/tile/remote.h"

#include <algorithm>

namespace flexc::tile {
namespace {

using namespace summaries;

std::size_t range_bytes(DType dtype) { return is_float(dtype) ? sizeof(FloatRange) : sizeof(IntRange); }

void launch(TileDevice& device, SummaryWork& work) {
  // Each thread makes one result, as far as a grid of this size goes; then it makes another.
  constexpr Int kMostBlocks = Int{1} << 16;
  const auto blocks = static_cast<std::uint32_t>(std::min((work.count + kTileKernelThreads - 1) / kTileKernelThreads, kMostBlocks));
  if (blocks > 0) taken(device.launch(TileKernel::Summaries, blocks, &work));
}

void* pointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

RemoteLine::RemoteLine(TileDevice& device, const Line& line) : device_(device) {
  gather_.kind = DeviceGather::kLine, gather_.dtype = static_cast<std::uint32_t>(line.view->dtype);
  gather_.data = line.view->data;
  gather_.base = line.base, gather_.extents[0] = line.extent, gather_.strides[0] = line.stride;
  const bool real = is_float(line.view->dtype);
  sorted_ = !real;
  const Int runs = (line.extent + kRun - 1) / kRun;
  if (runs == 0) return;
  std::vector<Int> level_at;  // in ranges, from the table's begin
  Int ranges = 0;
  for (Int width = 1; width <= runs; width *= 2) {
    level_at.push_back(ranges);
    ranges += runs - width + 1;
  }
  const std::size_t width_of = range_bytes(line.view->dtype), falls_at = (static_cast<std::size_t>(ranges) * width_of + 3) / 4 * 4;
  table_ = taken(device.allocate(falls_at + sizeof(std::uint32_t)));
  gather_.table = pointer(table_.address), gather_.levels = static_cast<Int>(level_at.size());
  std::uint32_t falls = 0;
  taken(device.copy_in(table_.address + falls_at, &falls, sizeof falls));
  SummaryWork work{};
  work.capture = gather_;
  work.kind = SummaryWork::kRuns, work.count = runs;
  work.to = pointer(table_.address), work.falls = static_cast<std::uint32_t*>(pointer(table_.address + falls_at));
  launch(device, work);
  for (std::size_t level = 1; level < level_at.size(); ++level) {
    work.kind = SummaryWork::kRunsAbove, work.width = Int{1} << (level - 1);
    work.count = runs - 2 * work.width + 1;
    work.below = pointer(table_.address + static_cast<std::size_t>(level_at[level - 1]) * width_of);
    work.to = pointer(table_.address + static_cast<std::size_t>(level_at[level]) * width_of);
    launch(device, work);
  }
  if (real) return;
  taken(device.copy_out(&falls, table_.address + falls_at, sizeof falls));
  sorted_ = falls == 0;
  // Two entries of the last level hold all between them.
  const Int last = level_at.back(), most = Int{1} << (level_at.size() - 1);
  IntRange first_part, last_part;
  taken(device.copy_out(&first_part, table_.address + static_cast<std::size_t>(last) * width_of, width_of));
  taken(device.copy_out(&last_part, table_.address + static_cast<std::size_t>(last + runs - most) * width_of, width_of));
  all_ = hull(first_part, last_part);
}

void RemoteLine::add_signatures(std::size_t words) {
  if (signature_words() >= words || gather_.extents[0] == 0) return;
  const Int runs = (gather_.extents[0] + kRun - 1) / kRun;
  Int nodes = runs;
  for (Int level = runs; level > 1; level = (level + 1) / 2) nodes += (level + 1) / 2;
  signatures_ = taken(device_.allocate(static_cast<std::size_t>(nodes) * words * sizeof(Word)));
  gather_.signature_words = static_cast<Int>(words), gather_.signatures = static_cast<const Word*>(pointer(signatures_.address));
  SummaryWork work{};
  work.capture = gather_;
  work.kind = SummaryWork::kSignatures, work.count = runs, work.to = pointer(signatures_.address);
  launch(device_, work);
  work.kind = SummaryWork::kSignaturesAbove;
  std::uint64_t below = signatures_.address;
  for (Int level = runs; level > 1; level = (level + 1) / 2) {
    const std::uint64_t to = below + static_cast<std::size_t>(level) * words * sizeof(Word);
    work.rows = level, work.count = (level + 1) / 2;
    work.below = pointer(below), work.to = pointer(to);
    launch(device_, work);
    below = to;
  }
}

RemoteGrid::RemoteGrid(TileDevice& device, const TensorView& view, Int base, const Int extents[2], const Int strides[2]) {
  gather_.kind = DeviceGather::kGrid, gather_.dtype = static_cast<std::uint32_t>(view.dtype);
  gather_.data = view.data;
  gather_.base = base;
  for (int axis = 0; axis < 2; ++axis) gather_.extents[axis] = extents[axis], gather_.strides[axis] = strides[axis];
  if (extents[0] <= 0 || extents[1] <= 0) return;
  struct Level {
    Int rows, columns;
  };
  const auto cells = [](Int extent) { return ((extent - 1) >> kCellBits) + 1; };
  std::vector<Level> levels{{cells(extents[0]), cells(extents[1])}};
  Int ranges = levels[0].rows * levels[0].columns;
  while (levels.back().rows > 1 || levels.back().columns > 1) {
    levels.push_back({(levels.back().rows + 1) / 2, (levels.back().columns + 1) / 2});
    ranges += levels.back().rows * levels.back().columns;
  }
  table_ = taken(device.allocate(static_cast<std::size_t>(ranges) * range_bytes(view.dtype)));
  gather_.table = pointer(table_.address), gather_.levels = static_cast<Int>(levels.size());
  SummaryWork work{};
  work.capture = gather_;
  std::uint64_t to = table_.address;
  for (std::size_t level = 0; level < levels.size(); ++level) {
    work.kind = level == 0 ? SummaryWork::kCells : SummaryWork::kCellsAbove;
    const Level& below = levels[level == 0 ? 0 : level - 1];
    work.rows = below.rows, work.columns = below.columns;
    work.count = levels[level].rows * levels[level].columns;
    work.to = pointer(to);
    launch(device, work);
    work.below = pointer(to);
    to += static_cast<std::size_t>(work.count) * range_bytes(view.dtype);
  }
}

/// A view of one element that was copied here, with those that share its page: the capture's own bytes alone, whatever lies around them.
TensorView Remote::element(const TensorView& view, Int offset) {
  const std::size_t width = size_of(view.dtype);
  Int least = 0, most = 0;
  for (std::size_t axis = 0; axis < view.rank(); ++axis) (view.strides[axis] < 0 ? least : most) += (view.shape[axis] - 1) * view.strides[axis];
  const auto address_of = [&](Int at) { return reinterpret_cast<std::uint64_t>(view.data) + static_cast<std::uint64_t>(at * static_cast<Int>(width)); };
  const std::uint64_t address = address_of(offset), page = address / kPageBytes * kPageBytes;
  auto found = pages_.find(page);
  if (found == pages_.end()) {
    constexpr std::size_t kMostPages = 4096;
    if (pages_.size() >= kMostPages) pages_.clear();
    const std::uint64_t begin = std::max(page, address_of(least)), end = std::min(page + kPageBytes, address_of(most) + width);
    Page bytes;
    taken(device_.copy_out(bytes.bytes + (begin - page), begin, end - begin));
    found = pages_.emplace(page, bytes).first;
  }
  return TensorView(found->second.bytes + (address - page), view.dtype, {1});
}

Int Remote::integer(const TensorView& view, Int offset) { return load_as_integer(element(view, offset), 0); }
float Remote::real(const TensorView& view, Int offset) { return static_cast<float>(load_as_double(element(view, offset), 0)); }

std::uint64_t Remote::scratch(Scratch which, std::size_t bytes) {
  DeviceBuffer& buffer = scratch_[static_cast<std::size_t>(which)];
  if (buffer.bytes < bytes) {
    buffer = {};
    buffer = taken(device_.allocate(bytes));
  }
  return buffer.address;
}

}  // namespace flexc::tile
