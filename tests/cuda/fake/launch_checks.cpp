#include "tests/cuda/fake/launch_checks.h"

#include <algorithm>
#include <vector>

#include "templates/model/forward_plan.h"
#include "templates/simt/tile.h"
#include "tests/cuda/fake/state.h"

namespace fake_cuda {
namespace {

/// All that a kernel may read of a block mask is the GPU's memory, and says what can be: each item once, tiles that exist.
int check_block_mask(const flexc_hopper_arguments& a) {
  const auto held = [](const auto* from, std::uint64_t count) {
    const auto address = reinterpret_cast<std::uint64_t>(from);
    return address % alignof(decltype(*from)) == 0 && driver().holds(address, count * sizeof(*from));
  };
  const std::uint64_t rows = std::uint64_t{a.q_blocks} * a.splits * (a.mask_batch_rows != 0 ? static_cast<unsigned>(a.batch) : 1) * (a.mask_head_rows != 0 ? static_cast<unsigned>(a.heads) : 1);
  if (!held(a.mask_order, a.items) || !held(a.mask_rows, rows)) return refuse("cuLaunchKernel: the block mask is not the GPU's memory");
  std::vector<bool> seen(a.items);
  for (unsigned i = 0; i < a.items; ++i) {
    if (a.mask_order[i] >= a.items || seen[a.mask_order[i]]) return refuse("cuLaunchKernel: the order of the items is none");
    seen[a.mask_order[i]] = true;
  }
  for (std::uint64_t row = 0; row < rows; ++row) {
    if (a.mask_rows[row].tiles == 0) return refuse("cuLaunchKernel: a row without tiles");
    const flexc_tile_run* run = a.mask_runs + a.mask_rows[row].first_run;
    for (unsigned tiles = 0, end = 0; tiles < a.mask_rows[row].tiles; ++run) {
      if (!held(run, 2)) return refuse("cuLaunchKernel: the runs are not the GPU's memory");  // the next one may be read
      const unsigned count = run->count_and_full >> 1;
      if (count == 0 || run->first < end || run->first + count > static_cast<unsigned>(std::max(a.kv_len, 1))) return refuse("cuLaunchKernel: a run of tiles that are not there");
      tiles += count, end = run->first + count;
    }
  }
  return 0;
}

}  // namespace

int check_arguments(const flexc_hopper_arguments& a, unsigned blocks, bool is_simt) {
  Driver& d = driver();
  if (a.item_rows <= 0 || a.head_dim <= 0 || a.value_dim <= 0) return refuse("cuLaunchKernel: no rows of an item, or no head dims");
  if (a.q_len <= 0 || a.items == 0 || a.splits == 0 || a.items != static_cast<unsigned>(a.batch) * static_cast<unsigned>(a.heads) * a.q_blocks * a.splits) return refuse("cuLaunchKernel: items do not fit the shape");
  const std::uint64_t most = !is_simt ? a.items : std::uint64_t{a.items} * (static_cast<unsigned>(a.item_rows) / flexc::device::simt_rows(flexc::device::kMostSimtValueDim));
  if (blocks == 0 || blocks > most) return refuse("cuLaunchKernel: more CTAs than items");
  if (is_simt && a.splits != 1) return refuse("cuLaunchKernel: the plain kernel has no parts of the keys");
  if (!is_simt && a.only_marked != 0) return refuse("cuLaunchKernel: the Hopper kernel knows no marks before it has run");
  const std::uint64_t words = flexc::runtime::workspace_words(a), workspace = reinterpret_cast<std::uint64_t>(a.workspace);
  const bool reads_workspace = !is_simt || a.only_marked != 0;
  if (reads_workspace && !d.holds(workspace, words * 4)) return refuse("cuLaunchKernel: the workspace is not the GPU's memory");
  if (!is_simt && std::any_of(a.workspace, a.workspace + words, [](unsigned word) { return word != 0; })) return refuse("cuLaunchKernel: the workspace is not zero");
  if (a.zero != 0) return refuse("cuLaunchKernel: `zero` is not 0");
  if ((a.mask_order == nullptr) != (a.mask_rows == nullptr) || (a.mask_rows == nullptr) != (a.mask_runs == nullptr)) return refuse("cuLaunchKernel: half of a block mask");
  if (a.mask_rows != nullptr)
    if (const int status = check_block_mask(a)) return status;
  if ((a.partial_rows != nullptr) != (a.splits > 1) || (a.partial_outputs != nullptr) != (a.splits > 1)) return refuse("cuLaunchKernel: parts of the keys without a place for them");
  if (a.splits > 1) {
    const std::uint64_t warps = std::uint64_t{a.items} * a.partial_warps;
    constexpr std::uint64_t kLeastColumns = 64;
    if (!d.holds(reinterpret_cast<std::uint64_t>(a.partial_rows), warps * kFlexcWarpRows * sizeof(flexc_row_state)) || !d.holds(reinterpret_cast<std::uint64_t>(a.partial_outputs), warps * kFlexcWarpRows * kLeastColumns * sizeof(float)))
      return refuse("cuLaunchKernel: what the parts leave is not the GPU's memory");
  }
  if (a.lse != nullptr) {
    const std::uint64_t last = static_cast<std::uint64_t>((a.batch - 1) * a.lse_batch_stride + (a.heads - 1) * a.lse_head_stride + a.q_len);
    if (!d.holds(reinterpret_cast<std::uint64_t>(a.lse), last * 4)) return refuse("cuLaunchKernel: lse is not the GPU's memory");
  }
  for (const void* tensor : {a.q, static_cast<const void*>(a.out)})
    if (!d.holds(reinterpret_cast<std::uint64_t>(tensor), 1)) return refuse("cuLaunchKernel: q or out is not the GPU's memory");
  return 0;
}

}  // namespace fake_cuda
