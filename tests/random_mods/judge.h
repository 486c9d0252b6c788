// From a program's text to a verdict: front end, compiler, loader, comparison.
#pragma once

#include <optional>
#include <string>

#include "compiler/members.h"
#include "tests/random_mods/bench.h"

namespace random_mods {

/// A program that went through the compiler.
struct Compiled {
  flexc::dsl::NormalForm form;
  flexc::runtime::RowObject optimised;
  std::optional<flexc::runtime::RowObject> plain;   ///< not optimised
  std::optional<flexc::runtime::RowObject> narrow;  ///< the narrow member
  flexc::compiler::Manifest manifest;               ///< of the narrow member
};

/// What stopped a program before it could be judged.
struct Refusal {
  bool by_front_end = false;  ///< diagnostics; else the compiler or the loader failed
  std::string message;
};

/// What is compiled beside the wide member: each costs as much again.
enum class Beside { Nothing, Plain, Narrow };
std::optional<Compiled> compile(const std::string& text, Beside beside, Refusal& refusal);

/// Sets of data that a program is judged on.
inline constexpr int kDataSets = 2;
/// Whether params are small enough for a member that assumes so; everything else that Data draws is.
bool allows_narrow(const flexc::compiler::Manifest& manifest, const Data& data);
/// Those segments whose positions a narrow member may be called with.
std::vector<flexc_row_segment> narrow_segments(std::vector<flexc_row_segment> segments);

/// Compares over two sets of data drawn from `seed`; the narrow member where a launch could choose it.
Comparison judge(const Compiled& compiled, std::uint64_t seed);

/// Compares over the edge values of captures x0, x1 and x2, in all combinations of two.
Comparison judge_edges(const Compiled& compiled);

}  // namespace random_mods
