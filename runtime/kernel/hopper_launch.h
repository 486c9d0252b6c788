// Everything of a Hopper launch that follows from a call's shapes and tensors: the kernels in their order, and the workspace that they share. A GPU and the
// host model run the same list.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/cuda/forward_plan.h"
#include "runtime/cuda/mask_metadata.h"
#include "runtime/kernel/hopper_call.h"
#include "templates/hopper/copy.h"

namespace flexc {

/// Whether TMA can describe the tensor: [b, h, rows, columns] of 2-byte elements whose columns lie beside each other.
bool is_for_tma(const TensorView& tensor);

class HopperLaunch {
 public:
  /// q_len > 0. lse, max_scores and sink of the arguments are the caller's to fill, and so are the maps.
  static Result<HopperLaunch> prepare(const runtime::HopperMember& member, const CallShape& shape, const RunArguments& arguments, std::uint32_t group_heads);

  /// Lets everything point into a workspace there, of workspace_bytes() bytes. Before anything that follows is used.
  void place(std::uint64_t workspace);

  std::uint64_t workspace_bytes() const { return bytes_; }
  /// What has to be 0 before the launch: words from the workspace's beginning on.
  std::uint64_t zero_words() const { return runtime::workspace_words(plan.arguments); }
  /// What of a block mask is copied into the workspace, and to where; null: nothing.
  const std::vector<std::uint32_t>* mask_words() const { return mask_ ? &mask_->words : nullptr; }
  std::uint64_t mask_address() const { return mask_address_; }
  bool has_parts() const { return plan.arguments.splits > 1; }

  runtime::ForwardPlan plan;
  /// Before the kernel: inputs that TMA cannot describe go into the workspace. Behind it: the output comes from there.
  std::vector<flexc_copy_arguments> copies_in;
  std::optional<flexc_copy_arguments> copy_out;
  /// The same call for the plain kernel, which computes again what was marked: it takes whole rows, from the caller's own tensors.
  flexc_hopper_arguments careful() const {
    flexc_hopper_arguments arguments = plan.arguments;
    arguments.items = runtime::row_tiles(plan.arguments);
    arguments.splits = 1, arguments.partial_rows = nullptr, arguments.partial_outputs = nullptr;
    arguments.mask_order = nullptr, arguments.mask_rows = nullptr, arguments.mask_runs = nullptr;
    arguments.only_marked = 1;
    return arguments;
  }
  /// Instead of that copy, where keys are in parts. After the last change of plan.arguments.
  flexc_combine_arguments combine() const { return runtime::combine_arguments(plan.arguments, tile_, value_dim_); }

 private:
  /// A tensor as the kernel sees it.
  struct Place {
    runtime::ForwardTensor given;
    std::array<std::int64_t, 4> extents{};
    bool is_copied = false;
    std::uint64_t offset = 0;
  };
  runtime::ForwardTensor tensor(const Place& place, std::uint64_t workspace) const;

  runtime::ForwardShape shape_;
  runtime::HopperTile tile_;
  bool has_band_ = false;
  std::uint32_t group_heads_ = 0;
  unsigned value_dim_ = 0;
  std::array<Place, 4> places_;  // q, k, v, out
  std::optional<runtime::MaskMetadata> mask_;
  std::uint64_t mask_offset_ = 0, mask_address_ = 0, rows_offset_ = 0, outputs_offset_ = 0, bytes_ = 0;
};

/// CTAs of a copy: enough for a GPU, each goes on to further rows.
std::uint32_t copy_blocks(const flexc_copy_arguments& copy);

/// At least what HopperLaunch needs for a call of these shapes, whatever the member's tile.
std::uint64_t most_hopper_workspace(const RunArguments& arguments);

/// Names of the tensors that a call copies because TMA cannot describe them, in the order q, k, v, out. With keys in parts `out` is written without TMA.
std::vector<std::string_view> copied_tensors(const RunArguments& arguments, bool has_parts);

}  // namespace flexc
