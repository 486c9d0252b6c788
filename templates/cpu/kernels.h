// The kernels of one instruction set, behind plain function pointers.
#pragma once

#include <atomic>
#include <span>
#include <string>

#include "templates/cpu/workspace.h"

namespace flexc::cpu {

/// How far a tile that all workers share is.
enum class TileState : std::uint8_t { Unpacked, Taken, Packed };

/// Where packed tiles of a unit come from: a buffer that all workers share, or a worker's own; filled when a tile is first needed.
struct TileSource {
  float* shared = nullptr;                   ///< all tiles of the unit; null: the worker's own
  std::atomic<TileState>* states = nullptr;  ///< of the shared ones
  float* own = nullptr;                      ///< `slots` tiles
  std::int64_t slots = 0;                    ///< 1, or the unit's number of tiles
  std::int64_t* held = nullptr;              ///< the tile in each slot, -1: none

  std::int64_t slot_of(std::int64_t tile) const { return slots == 1 ? 0 : tile; }
};

inline constexpr std::int64_t kMostSplitsAtOnce = 64;  ///< bits of a set of them

struct KernelTable {
  const char* name;
  bool matrix_unit;  ///< whether plans may use one
  /// Computes a run of groups: `task` counts within the unit.
  void (*run_task)(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, const TileSource& source);
  /// Computes a task within splits `first` to `end` - 1 of the keys, kMostSplitsAtOnce at most; `states` gets the states of its rows, state_floats() each, task_rows() of them for a split.
  void (*run_splits)(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t first, std::int64_t end, Workspace& workspace, const TileSource& source, float* states);
  /// Merges the splits of a task, whose states are task_rows() * state_floats() apart, and finishes its rows.
  void (*merge_splits)(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, float* states);
};

/// The user's choice of an instruction set, for all calls of the process: $FLEXC_CPU_TARGET; empty: the best one.
const std::string& chosen_target();

/// The kernels that this machine can run, the best first. Those with a matrix unit only where no other ones were chosen: asking for the unit costs the process
/// something.
std::span<const KernelTable> kernel_tables();

/// run_attention with kernels of the caller's.
Result<void> run_attention_with(const KernelTable& kernels, const AttentionArguments& arguments, WorkerPool& pool);

}  // namespace flexc::cpu
