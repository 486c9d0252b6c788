#include "runtime/kernel/hopper_launch.h"

#include <algorithm>

#include "flexc/repacking.h"
#include "runtime/cuda/splits.h"
#include "runtime/cuda/workspace.h"
#include "templates/hopper/tile.h"

namespace flexc {
namespace {

constexpr std::uint64_t kTmaAlignment = 16;
constexpr std::int64_t kRowElements = 8;                           // of 2 bytes: strides are multiples of 16 bytes …
constexpr std::int64_t kStrideLimit = (std::int64_t{1} << 40) / 2;  // … below 2^40
constexpr std::uint64_t kElementBytes = 2;
constexpr std::int64_t kMostTileRows = 192;
constexpr std::uint64_t kMostCopyBytes = std::uint64_t{1} << 60;  // more than any GPU has, so the allocation says it; and four of them fit in 64 bits
constexpr std::array<std::string_view, 4> kNames = {"q", "k", "v", "out"};

runtime::ForwardTensor forward_tensor(const TensorView& tensor) { return {tensor.data, tensor.strides[2], tensor.strides[1], tensor.strides[0]}; }

std::int64_t pitch_of(std::int64_t columns) { return (columns + kRowElements - 1) / kRowElements * kRowElements; }

/// At most kMostCopyBytes: views with strides of 0 may have more elements than there are addresses.
std::uint64_t copy_bytes(const std::array<std::int64_t, 4>& extents) {
  std::uint64_t bytes = kElementBytes;
  for (const std::int64_t extent : {extents[0], extents[1], extents[2], pitch_of(extents[3])})
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes) || bytes > kMostCopyBytes) return kMostCopyBytes;
  return bytes;
}

std::array<std::int64_t, 4> extents_of(const TensorView& tensor) { return {tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3]}; }

std::array<const TensorView*, 4> tensors_of(const RunArguments& arguments) { return {&arguments.q, &arguments.k, &arguments.v, &arguments.out}; }

flexc_copy_arguments copy_of(const runtime::ForwardTensor& from, const runtime::ForwardTensor& to, const std::array<std::int64_t, 4>& extents) {
  flexc_copy_arguments copy{};
  copy.from = from.data, copy.to = to.data;
  const auto strides = [](const runtime::ForwardTensor& tensor, long long(&out)[3]) { out[0] = tensor.row_stride, out[1] = tensor.head_stride, out[2] = tensor.batch_stride; };
  strides(from, copy.from_strides), strides(to, copy.to_strides);
  copy.columns = static_cast<unsigned>(extents[3]), copy.rows = static_cast<unsigned>(extents[2]);
  copy.heads = static_cast<unsigned>(extents[1]), copy.batches = static_cast<unsigned>(extents[0]);
  return copy;
}

}  // namespace

bool is_for_tma(const TensorView& tensor) {
  if (tensor.element_count() == 0) return true;  // the map describes something else
  if (reinterpret_cast<std::uintptr_t>(tensor.data) % kTmaAlignment != 0) return false;
  for (std::size_t axis = 0; axis < 3; ++axis)
    if (tensor.shape[axis] > 1 && (tensor.strides[axis] <= 0 || tensor.strides[axis] % kRowElements != 0 || tensor.strides[axis] >= kStrideLimit)) return false;
  return true;
}

runtime::ForwardTensor HopperLaunch::tensor(const Place& place, std::uint64_t workspace) const {
  if (!place.is_copied) return place.given;
  const std::int64_t pitch = pitch_of(place.extents[3]), plane = pitch * place.extents[2];
  return {reinterpret_cast<void*>(workspace + place.offset), pitch, plane, plane * place.extents[1]};
}

Result<HopperLaunch> HopperLaunch::prepare(const runtime::HopperMember& member, const CallShape& shape, const RunArguments& arguments, std::uint32_t group_heads) {
  HopperLaunch launch;
  launch.shape_ = forward_shape(member, shape, arguments);
  launch.tile_ = member.tile, launch.has_band_ = member.has_band, launch.group_heads_ = group_heads;
  launch.value_dim_ = static_cast<unsigned>(shape.value_dim);
  const auto tensors = tensors_of(arguments);
  for (std::size_t i = 0; i < tensors.size(); ++i) launch.places_[i] = {forward_tensor(*tensors[i]), extents_of(*tensors[i]), false, 0};
  // Nothing points to where it will be yet, but items and parts are known.
  launch.plan = plan_hopper_call(member, shape, arguments, launch.places_[0].given, launch.places_[1].given, launch.places_[2].given, launch.places_[3].given, group_heads);
  auto mask = hopper_mask(member, arguments, launch.plan);
  if (!mask) return std::unexpected(mask.error());
  launch.mask_ = std::move(*mask);
  for (std::size_t i = 0; i < tensors.size(); ++i) launch.places_[i].is_copied = !is_for_tma(*tensors[i]) && !(i == 3 && launch.has_parts());

  runtime::WorkspaceLayout layout;
  layout.add(launch.zero_words() * sizeof(unsigned));
  if (launch.mask_) launch.mask_offset_ = layout.add(launch.mask_->words.size() * sizeof(std::uint32_t));
  if (launch.has_parts()) {
    const auto bytes = runtime::partial_bytes(launch.plan.arguments.items, launch.plan.arguments.partial_warps, member.tile.dv);
    launch.rows_offset_ = layout.add(bytes.rows), launch.outputs_offset_ = layout.add(bytes.outputs);
  }
  for (Place& place : launch.places_)
    if (place.is_copied) place.offset = layout.add(copy_bytes(place.extents));
  launch.bytes_ = layout.bytes();
  return launch;
}

void HopperLaunch::place(std::uint64_t workspace) {
  flexc_hopper_arguments& a = plan.arguments;
  const flexc_hopper_arguments before = a;
  // A part is merged to where the output is; the map of it is not used, and describes what can be described.
  const bool out_is_free = has_parts() && !places_[3].is_copied;
  const runtime::ForwardTensor seen[] = {tensor(places_[0], workspace), tensor(places_[1], workspace), tensor(places_[2], workspace), out_is_free ? runtime::ForwardTensor{} : tensor(places_[3], workspace)};
  runtime::ForwardPlan placed = runtime::plan_forward(shape_, seen[0], seen[1], seen[2], seen[3], has_band_, group_heads_);
  if (out_is_free) placed.out.address = workspace;
  plan.q = placed.q, plan.k = placed.k, plan.v = placed.v, plan.out = placed.out;
  copies_in.clear(), copy_out.reset();
  for (std::size_t i = 0; i < 3; ++i)
    if (places_[i].is_copied) copies_in.push_back(copy_of(places_[i].given, seen[i], places_[i].extents));
  if (places_[3].is_copied) copy_out = copy_of(seen[3], places_[3].given, places_[3].extents);
  // Code that reads single rows takes the caller's own tensors, which `before` has.
  a = before;
  a.workspace = reinterpret_cast<unsigned*>(workspace);
  if (mask_) {
    mask_address_ = workspace + mask_offset_;
    mask_->point(a, mask_address_);
  }
  if (has_parts()) {
    a.partial_rows = reinterpret_cast<flexc_row_state*>(workspace + rows_offset_);
    a.partial_outputs = reinterpret_cast<flexc_quad*>(workspace + outputs_offset_);
  }
}

std::uint32_t copy_blocks(const flexc_copy_arguments& copy) {
  constexpr std::uint64_t kRowsOfABlock = 4, kMostBlocks = 4096;
  const std::uint64_t rows = std::uint64_t{copy.rows} * copy.heads * copy.batches;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>((rows + kRowsOfABlock - 1) / kRowsOfABlock, 1, kMostBlocks));
}

std::uint64_t most_hopper_workspace(const RunArguments& arguments) {
  for (const TensorView* tensor : tensors_of(arguments))
    if (tensor->rank() != 4) return 0;
  const std::int64_t heads = arguments.q.shape[0] * arguments.q.shape[1], q_len = arguments.q.shape[2], kv_len = arguments.k.shape[2];
  if (heads <= 0 || q_len < 0 || kv_len < 0) return 0;
  const auto size = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const std::int64_t wanted = arguments.split > 0 ? arguments.split : runtime::automatic_split(heads, q_len, kv_len);
  const std::uint64_t parts = size(std::min(wanted, std::max<std::int64_t>((kv_len + kLeastTileColumns - 1) / kLeastTileColumns, 1)));
  const std::uint64_t tiles = size(heads) * size((q_len + kLeastTileRows - 1) / kLeastTileRows);
  runtime::WorkspaceLayout layout;
  layout.add((kFlexcWorkspaceHeader + tiles) * sizeof(unsigned));
  if (arguments.mask != nullptr) layout.add(runtime::most_mask_words(*arguments.mask, tiles * parts, kLeastTileRows, parts) * sizeof(std::uint32_t));
  if (parts > 1) {
    // Rows in whole tiles of either kind; for fewer than a tile has, in whole warps.
    const auto rounded = [](std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; };
    const std::int64_t rows = q_len <= kLeastTileRows ? rounded(q_len, kFlexcWarpRows) : std::max(rounded(q_len, kLeastTileRows), rounded(q_len, kMostTileRows));
    const auto bytes = runtime::partial_bytes(size(heads) * parts, size(rows / kFlexcWarpRows), device::whole_panels(static_cast<unsigned>(arguments.v.shape[3])));
    layout.add(bytes.rows), layout.add(bytes.outputs);
  }
  for (const TensorView* tensor : tensors_of(arguments))
    if (!is_for_tma(*tensor)) layout.add(copy_bytes(extents_of(*tensor)));
  return layout.bytes();
}

std::vector<std::string_view> repacked_tensors(const RunArguments& arguments) {
  std::vector<std::string_view> names;
  const auto tensors = tensors_of(arguments);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i]->rank() == kNames.size() && !is_for_tma(*tensors[i])) names.push_back(kNames[i]);
  return names;
}

}  // namespace flexc
