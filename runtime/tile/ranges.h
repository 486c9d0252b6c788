// The range interpreter: a plane's program over many regions at once, register by register, so that the loop over regions is innermost.
#pragma once

#include <memory>
#include <vector>

#include "runtime/tile/plane.h"

namespace flexc::tile {

/// Not thread-safe; borrows the plane.
class RangeMachine {
 public:
  static constexpr std::size_t kLanes = tile::kLanes;
  explicit RangeMachine(const Plane& plane);

  /// Which values the mask takes on up to kLanes regions; valid until the next call.
  const Truth* evaluate(const Region* regions, std::size_t count);
  /// Only what depends on rows alone: for callers that ask for such registers by integer() and truth().
  void evaluate_rows(const Region* regions, std::size_t count);

  /// Bounds of a register after evaluate.
  IntRange integer(Register i, std::size_t lane) const { return {slots_[i].integers->lo[lane], slots_[i].integers->hi[lane]}; }
  FloatRange real(Register i, std::size_t lane) const { return slots_[i].reals->value[lane]; }
  Truth truth(Register i, std::size_t lane) const { return slots_[i].truths->value[lane]; }

 private:
  struct alignas(64) IntLanes { Int lo[kLanes], hi[kLanes]; };
  struct alignas(64) BitLanes { Bits value[kLanes]; };
  struct alignas(64) FloatLanes { FloatRange value[kLanes]; };
  struct alignas(64) TruthLanes { Truth value[kLanes]; };
  /// Where a register's lanes are; bits only where they are wanted.
  struct Slot {
    IntLanes* integers = nullptr;
    BitLanes* bits = nullptr;
    FloatLanes* reals = nullptr;
    TruthLanes* truths = nullptr;
  };

  void execute(const Step& step, std::size_t count);
  void integer_step(const Step& step, std::size_t count);
  void bit_step(const Step& step, std::size_t count);
  void float_step(const Step& step, std::size_t count);
  void truth_step(const Step& step, std::size_t count);
  void gather_step(const Step& step, std::size_t count);
  void linear_step(const Step& step, std::size_t count);
  void compare_signatures(const Step& step, std::size_t count);
  const BitLanes& bits_of_operand(Register i, BitLanes& scratch, std::size_t count) const;
  void fill_constant(Register i);

  const Plane& plane_;
  const Region* regions_ = nullptr;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<IntLanes>> integers_;
  std::vector<std::unique_ptr<BitLanes>> bits_;
  std::vector<std::unique_ptr<FloatLanes>> reals_;
  std::vector<std::unique_ptr<TruthLanes>> truths_;
};

}  // namespace flexc::tile
