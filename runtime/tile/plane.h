// A tile program made ready for one batch and head: what no position changes is a constant, captures have summaries, and comparisons
// of sums are comparisons of one difference with 0 where nothing can wrap, so that what both sides share cancels.
#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "runtime/tile/analysis.h"
#include "runtime/tile/points.h"
#include "runtime/tile/remote.h"
#include "runtime/tile/summaries.h"

namespace flexc::tile {

/// Positions q0…q1−1 and k0…k1−1; never empty.
struct Region {
  Int q0 = 0, q1 = 0, k0 = 0, k1 = 0;
  bool operator==(const Region&) const = default;
};

/// constant + Σ coefficient · register, compared with 0 by `op` (Eq … Ge). The sum cannot leave 62 bits.
struct LinearCompare {
  struct Term {
    Register at;
    Int coefficient;
  };
  Opcode op = Opcode::Eq;
  Int constant = 0;
  std::vector<Term> terms;
};

struct LinearSum;  // in plane.cpp

/// How a gather is bounded. A summary is here, or where the capture is.
struct GatherPlan {
  enum class Kind { Zero, Line, Grid, Unknown } kind = Kind::Unknown;
  std::shared_ptr<LineSummary> line;
  std::shared_ptr<GridSummary> grid;
  std::shared_ptr<RemoteLine> remote_line;
  std::shared_ptr<RemoteGrid> remote_grid;
  Register index[2] = {0, 0};
};

/// One instruction of the range interpreter.
struct Step {
  enum class Kind : std::uint8_t { Operation, Linear, Gather } kind = Kind::Operation;
  Opcode op = Opcode::ConstB;
  bool bits = false;          ///< known bits of the result are wanted
  bool signatures = false;    ///< an equality of two gathers that may compare value signatures
  Register to = 0, a = 0, b = 0, c = 0;
  std::int64_t imm = 0;
  std::uint32_t extra = 0;    ///< index of the LinearCompare or GatherPlan
};

/// What a launch needs once: the program's analysis and the summaries of its captures.
class Binding {
 public:
  /// Borrows both, which check_launch must have accepted.
  Binding(const Program& program, const Launch& launch) : program(program), launch(launch), analysis(program) {}

  const Program& program;
  const Launch& launch;
  const Analysis analysis;
  bool reads(Dependence coordinate) const { return (analysis.depends[program.result] & coordinate) != 0; }

 private:
  friend class Plane;
  template <class Summary>
  using ByPlace = std::map<std::tuple<Int, std::uint32_t, Int>, std::shared_ptr<Summary>>;  ///< capture, axes, first element
  ByPlace<LineSummary> lines_;
  ByPlace<GridSummary> grids_;
  ByPlace<RemoteLine> remote_lines_;
  ByPlace<RemoteGrid> remote_grids_;
};

class Plane {
 public:
  /// `whole` is every pair that will be asked about.
  Plane(Binding& binding, Int b, Int h, const Region& whole);

  const Binding& binding() const { return *binding_; }
  Int b() const { return b_; }
  Int h() const { return h_; }
  const Region& whole() const { return whole_; }
  /// The mask is the same everywhere.
  bool is_constant() const { return constant_; }
  bool constant_value() const { return constant_value_; }

  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<LinearCompare>& linear() const { return linear_; }
  const std::vector<GatherPlan>& gathers() const { return gathers_; }
  Register result() const { return result_; }
  std::size_t register_count() const { return types_.size(); }
  const std::vector<Type>& types() const { return types_; }
  /// Coordinates of positions that a register depends on; 0 for constants.
  std::uint8_t depends(Register i) const { return depends_[i]; }
  bool is_constant(Register i) const { return depends_[i] == 0; }
  /// Constants' values.
  Int integer(Register i) const { return integers_[i]; }
  float real(Register i) const { return reals_[i]; }
  bool truth(Register i) const { return integers_[i] != 0; }
  /// What every register is within over the whole plane (integers; others are unused).
  IntRange range(Register i) const { return ranges_[i]; }

 private:
  Register add_register(Type type, std::uint8_t depends);
  GatherPlan plan_gather(const Instruction& instruction);
  void plan_signatures();
  template <class Machine>
  void find_ranges();
  /// Sums of positions and other registers, by register; empty ones are only themselves.
  std::vector<LinearSum> relate_comparisons();
  void split_magnitudes(const std::vector<LinearSum>& sums);
  void drop_dead_steps();

  Binding* binding_;
  Int b_, h_;
  Region whole_;
  bool constant_ = false, constant_value_ = false;
  Register result_ = 0;
  std::vector<Step> steps_;
  std::vector<LinearCompare> linear_;
  std::vector<GatherPlan> gathers_;
  std::vector<Type> types_;
  std::vector<std::uint8_t> depends_;
  std::vector<Int> integers_;
  std::vector<float> reals_;
  std::vector<IntRange> ranges_;
};

}  // namespace flexc::tile
