// A plane as the kernel of tile verdicts reads it (templates/tile/verdicts.h): plain arrays in one block of bytes.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/tile/plane.h"
#include "templates/tile/verdicts.h"

namespace flexc::tile {

class DevicePlane {
 public:
  /// The captures' memory is read by the kernel where the launch's views say it is.
  explicit DevicePlane(const Plane& plane);

  /// To be copied to where the kernel runs, at a multiple of kAlignment.
  const std::vector<std::byte>& bytes() const { return bytes_; }
  static constexpr std::size_t kAlignment = 16;

  /// Arguments that point into a copy at `at`; regions, registers and verdicts are the caller's to fill. The copy's own pointers have to be set first: `relocate`.
  VerdictArguments arguments(std::uint64_t at) const;
  /// Makes the block fit for a copy at `at`.
  void relocate(std::uint64_t at);

  /// Registers of one thread.
  std::size_t register_bytes() const { return register_count_ * sizeof(DeviceRegister); }

 private:
  template <class T>
  std::size_t append(const T* data, std::size_t count);
  void add_gather(const GatherPlan& plan, DType dtype);

  struct Tables {
    std::size_t table = 0, signatures = 0;
    bool has_table = false, has_signatures = false;
  };
  std::vector<std::byte> bytes_;
  std::vector<DeviceGather> gathers_;
  std::vector<Tables> tables_;  ///< where the gathers' tables are in the block
  std::size_t steps_at_ = 0, linear_at_ = 0, terms_at_ = 0, gathers_at_ = 0, constants_at_ = 0, types_at_ = 0;
  std::uint32_t step_count_ = 0, constant_count_ = 0, register_count_ = 0, result_ = 0;
};

}  // namespace flexc::tile
