// In which order a wave's tasks are computed. Only time depends on it.
#pragma once

#include <span>

#include "templates/cpu/workspace.h"

namespace flexc::cpu {

/// A task, and how many columns its groups visit, which is what its time follows: by the block mask and the band, whichever says less.
struct Task {
  std::int64_t unit = 0, task = 0, columns = 0;
};

/// The band is asked for at the task's middle group alone, which stands for the others. Uses the workspace's first group.
Task estimate_task(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace);

/// Whether some task is a large part of a thread's work, so that the order decides how long the last thread is waited for.
bool has_long_task(std::span<const Task> tasks, int threads);

/// Units in order, and of each unit the last rows first: neighbours need the same keys, while these are near.
void last_rows_first(std::span<Task> tasks);

/// Units in order, and of each unit the tasks that visit most columns first; of equal ones the last rows, which masks like causal make longer.
void longest_first(std::span<Task> tasks);

}  // namespace flexc::cpu
