// Data for a program's captures and params, and the comparison of its compiled mods with what they must give.
#pragma once

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "flexc/dsl/evaluate.h"
#include "runtime/loader/row_object.h"

namespace random_mods {

/// One set of captures and params, and the launch made of it.
class Data {
 public:
  Data(const flexc::dsl::NormalForm& form, std::uint64_t seed);
  /// Edge values alone: capture x0 runs through them all in every combination with x1, and x2 with both in turn. KV is as long.
  explicit Data(const flexc::dsl::NormalForm& form);
  const flexc::dsl::Environment& environment() const { return environment_; }
  const std::vector<std::int64_t>& fresh_sizes() const { return fresh_; }
  const flexc_row_launch& launch() const { return launch_; }
  const std::string& error() const { return error_; }

 private:
  void fill(const flexc::dsl::CaptureInfo& info, const std::vector<std::int64_t>& shape);
  void fill_edges(const flexc::dsl::CaptureInfo& info, const std::vector<std::int64_t>& shape);
  void bind(const flexc::dsl::NormalForm& form);

  std::mt19937_64 random_;
  flexc::dsl::Environment environment_;
  std::vector<std::int64_t> fresh_;
  std::deque<std::vector<std::byte>> storage_;
  std::vector<flexc_row_capture> captures_;
  std::vector<flexc_row_param> params_;
  flexc_row_launch launch_{};
  std::string error_;
};

struct Comparison {
  std::size_t pairs = 0;   ///< (mod, pair) that were judged
  std::size_t floats = 0;  ///< scores outside of the strict cone among them
  std::size_t narrow = 0;  ///< of those, where the range says much
  std::size_t narrow_pairs = 0;  ///< pairs that were judged on the narrow member
  std::size_t factored = 0;      ///< pairs whose emitted score is an element and a factor
  std::size_t differences = 0;   ///< pairs whose emitted score reads a table of differences
  std::size_t like_rows = 0;     ///< rows with the mask key of another one, whose bits were compared with that one's
  std::string difference;  ///< the first, or empty
};

/// Segments of a problem: its ends, random ones, steps, positions of a long sequence. Or all columns of one row.
std::vector<flexc_row_segment> random_segments(const flexc::dsl::Problem& problem, std::uint64_t seed);
std::vector<flexc_row_segment> covering_segments(const flexc::dsl::Problem& problem);

/// The optimised module against the oracle and the ranges, at the segments; and, if there is a plain module, equal bits there (or bits in the ranges, if the
/// mod has operations that the optimised one may compute by a shorter list).
/// Scores are drawn from `seed`.
void compare(const flexc::dsl::NormalForm& form, const Data& data, const flexc_row_module& optimised, const flexc_row_module* plain,
             const std::vector<flexc_row_segment>& segments, std::uint64_t seed, Comparison& result);

}  // namespace random_mods
