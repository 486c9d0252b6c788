// What a Hopper launch needs of the GPU's memory beside its tensors, and where each piece lies in it.
#pragma once

#include <cstdint>

#include "runtime/cuda/forward_plan.h"

namespace flexc::runtime {

/// Where a workspace has to begin: all that CUDA allocates does.
inline constexpr std::uint64_t kWorkspaceAlignment = 128;

/// Pieces one after the other, each at a multiple of kWorkspaceAlignment; offsets and sizes in bytes.
class WorkspaceLayout {
 public:
  std::uint64_t add(std::uint64_t bytes) {
    const std::uint64_t at = bytes_;
    bytes_ += (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
    return at;
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

/// Bytes of what the parts of the keys leave for `items` items of `warps` times 16 rows each and outputs of `columns`.
struct PartialBytes {
  std::uint64_t rows, outputs;
};
inline PartialBytes partial_bytes(std::uint64_t items, std::uint64_t warps, std::uint64_t columns) {
  const std::uint64_t rows = items * warps * kFlexcWarpRows;
  return {rows * sizeof(flexc_row_state), rows * columns * sizeof(float)};
}

}  // namespace flexc::runtime
