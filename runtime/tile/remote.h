// Captures in a device's memory: single elements of them for what no position changes, and summaries that the device makes and keeps.
#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include "runtime/tile/summaries.h"
#include "runtime/tile/tile_device.h"
#include "templates/tile/summary_work.h"

namespace flexc::tile {

/// A line's tables in the device's memory. Nothing of it is copied here but its bounds.
class RemoteLine final : public LineFacts {
 public:
  RemoteLine(TileDevice& device, const Line& line);
  bool is_sorted() const override { return sorted_; }
  IntRange all() const override { return all_; }
  void add_signatures(std::size_t words) override;
  std::size_t signature_words() const override { return static_cast<std::size_t>(gather_.signature_words); }
  /// As a kernel reads it; the registers of the index are the caller's to set.
  const DeviceGather& gather() const { return gather_; }

 private:
  TileDevice& device_;
  DeviceGather gather_{};
  DeviceBuffer table_, signatures_;
  bool sorted_ = false;
  IntRange all_{0, 0};
};

/// A grid's pyramid there.
class RemoteGrid {
 public:
  RemoteGrid(TileDevice& device, const TensorView& view, Int base, const Int extents[2], const Int strides[2]);
  const DeviceGather& gather() const { return gather_; }

 private:
  DeviceGather gather_{};
  DeviceBuffer table_;
};

/// What one build of a mask uses of a device. Throws DeviceFailure.
class Remote {
 public:
  explicit Remote(TileDevice& device) : device_(device) {}
  TileDevice& device() { return device_; }

  /// Element `offset` of a capture, as load_as_integer and load_as_double give it.
  Int integer(const TensorView& view, Int offset);
  float real(const TensorView& view, Int offset);

  /// Memory that planes use one after the other; as large as the largest asked for.
  enum class Scratch : std::uint8_t { Plane, Regions, Registers, Verdicts, Pairs, PairRegisters, Count };
  std::uint64_t scratch(Scratch which, std::size_t bytes);

 private:
  static constexpr std::uint64_t kPageBytes = 256;
  struct Page {
    std::byte bytes[kPageBytes];
  };
  TensorView element(const TensorView& view, Int offset);

  TileDevice& device_;
  std::unordered_map<std::uint64_t, Page> pages_;  ///< by address: elements that were read, and their neighbours
  std::array<DeviceBuffer, static_cast<std::size_t>(Scratch::Count)> scratch_;
};

}  // namespace flexc::tile
