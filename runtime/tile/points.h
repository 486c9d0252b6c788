// The concrete interpreter: a tile program at single pairs, many at once. On one pair the program is the mask itself.
#pragma once

#include <vector>

#include "runtime/tile/analysis.h"
#include "runtime/tile/program.h"
#include "templates/tile/scalar.h"

namespace flexc::tile {

inline constexpr std::size_t kLanes = 128;

/// Not thread-safe; borrows the program and the launch, which check_launch must have accepted.
class PointMachine {
 public:
  PointMachine(const Program& program, const Analysis& analysis, const Launch& launch);

  /// Sets b and h, and computes what depends on nothing else.
  void set_plane(Int b, Int h);
  /// Computes what depends on no coordinate, for one pair: programs that read none need no more.
  void set_launch() { run(fixed_, 1); }
  /// The mask at up to kLanes pairs: 0 or 1 each, valid until the next call.
  const std::uint8_t* evaluate(const Int* q_idx, const Int* kv_idx, std::size_t count);

  /// What evaluate runs, in its order: all that positions change.
  const std::vector<Register>& varying() const { return varying_; }

  /// Values at the first pair of the last call, or those that no position changes.
  /// No position changes it.
  bool is_fixed(Register i) const { return (analysis_.depends[i] & (kOnQ | kOnKv | kOnIndex)) == 0; }
  Int integer(Register i) const { return registers_[i].integer[0]; }
  float real(Register i) const { return registers_[i].real[0]; }
  bool truth(Register i) const { return registers_[i].truth[0] != 0; }

 private:
  union Lanes {
    Int integer[kLanes];
    float real[kLanes];
    std::uint8_t truth[kLanes];
  };
  void run(const std::vector<Register>& list, std::size_t count);
  void execute(Register i, std::size_t count);
  void gather(const Instruction& instruction, Lanes& to, std::size_t count);

  const Program& program_;
  const Analysis& analysis_;
  const Launch& launch_;
  std::vector<Register> fixed_, varying_;
  std::vector<Lanes> registers_;
  Int b_ = 0, h_ = 0;
  const Int* q_ = nullptr;
  const Int* k_ = nullptr;
};

/// Element `offset` of a capture as the language reads it.
inline Int load_integer(const TensorView& view, Int offset) { return load_as_integer(view, offset); }
inline float load_real(const TensorView& view, Int offset) { return static_cast<float>(load_as_double(view, offset)); }

/// Where index `i` of an axis of extent n lies: −n ≤ i < 0 counts from the end. −1 where there is nothing.
inline Int place_of_index(Int i, Int n) {
  if (i < 0) i = i < -n ? -1 : i + n;
  return i < n ? i : -1;
}

}  // namespace flexc::tile
