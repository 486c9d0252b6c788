// Random mods: the compiled CPU code against the oracle and against what the documented errors allow.
// Usage: random_mods LANGUAGE_MD [--count N] [--seed S] [--plain-every N] [--failures N] [--print] [--file F] [--starve]
//   --count        mods; a program has two (default 2000)
//   --seed         of the first program (default FLEXC_SEED, or 1); program i takes seed + i
//   --plain-every  every N-th program is compared with its unoptimised form too, the others with their narrow members (default: all)
//   --failures     stops after so many (default 5)
//   --print        prints each program
//   --file         judges the program of this file instead, with 50 seeds
//   --starve       leaves an operation out of the table that the generator sees, and passes if the histogram is found wanting
// Exit 1 if something differs, is refused, or is missing from the histogram.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "tests/random_mods/generator.h"
#include "tests/random_mods/judge.h"

namespace {

using namespace random_mods;
using namespace flexc;

constexpr std::size_t kFastMods = 2000;
constexpr std::size_t kHitsPerCell = 20, kProgramsPerFeature = 100;
constexpr std::uint64_t kFileSeeds = 50;
constexpr int kShrinkTries = 1000;
/// Of the floats that were judged by ranges, so many must have a range that says something.
constexpr double kNarrowShare = 0.8;
/// Features that must occur in kProgramsPerFeature programs.
constexpr unsigned kWanted = kClosure | kLoop | kRow | kGather;

struct Histogram {
  std::vector<std::size_t> cells;
  std::map<std::string, std::size_t> features, nodes;
};

std::string node_name(const dsl::Node& node, const dsl::Body& body) {
  const dsl::Type& from =
      node.operands.empty() || node.op == dsl::Op::Gather || node.op == dsl::Op::GatherRow ? node.type : body.nodes[node.operands.back()].type;
  return fmt::format("{} {}{}", dsl::name_of(node.op), from.is_row ? "row " : "", dsl::name_of(from.scalar));
}

/// Operations that leave nothing in the normal form, as their result is their operand.
bool is_nothing(const std::string& spelling, Column column) {
  if (spelling == "+a") return true;
  if (spelling == "int(a)") return column != Column::F32 && column != Column::RowF32;
  if (spelling == "float(a)") return column == Column::F32 || column == Column::RowF32;
  return spelling == "bool(a)" && column == Column::Bool;
}

/// Counts what reached the compiler: an operation that nothing reads has no node of its own.
void count(const Table& table, const Program& program, const dsl::NormalForm& form, Histogram& histogram) {
  std::vector<std::pair<std::size_t, std::size_t>> spans;
  for (const auto* body : {&form.score, &form.mask}) {
    if (!*body) continue;
    for (const dsl::Node& node : (*body)->nodes) {
      ++histogram.nodes[node_name(node, **body)];
      if (!node.operands.empty()) spans.push_back({node.span.begin, node.span.end});
    }
  }
  std::vector<Place> places;
  program.print(&places);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Place& place = places[i];
    if (place.expression->cell < 0) continue;
    const auto number = static_cast<std::size_t>(place.expression->cell);
    const Cell& cell = table.cells[number];
    const bool is_read = std::any_of(spans.begin(), spans.end(), [&](const auto& span) {
      if (span.first < place.begin || span.second > place.end) return false;
      // Parts stand before the whole.
      for (std::size_t k = i; k-- > 0 && places[k].begin >= place.begin;)
        if (places[k].begin <= span.first && span.second <= places[k].end) return false;
      return true;
    });
    if (is_read || is_nothing(table.spellings[cell.row], cell.column)) ++histogram.cells[number];
  }
  const unsigned features = program.features();
  for (std::size_t i = 0; i < std::size(kFeatureNames); ++i)
    if (features >> i & 1) ++histogram.features[kFeatureNames[i]];
}

/// Cells and features that are short, one a line; empty if none is.
std::string missing(const Table& table, const Histogram& histogram) {
  std::string text;
  for (std::size_t i = 0; i < table.cells.size(); ++i)
    if (histogram.cells[i] < kHitsPerCell) text += fmt::format("only {} uses of {}\n", histogram.cells[i], table.name_of(i));
  for (std::size_t i = 0; i < std::size(kFeatureNames); ++i) {
    const auto found = histogram.features.find(kFeatureNames[i]);
    const std::size_t programs = found == histogram.features.end() ? 0 : found->second;
    if ((kWanted >> i & 1) && programs < kProgramsPerFeature) text += fmt::format("only {} programs with {}\n", programs, kFeatureNames[i]);
  }
  return text;
}

void print(const Table& table, const Histogram& histogram) {
  fmt::print("operation x type (cells of docs/language.md), uses:\n");
  for (std::size_t row = 0; row < table.spellings.size(); ++row) {
    std::string line = fmt::format("  {:<18}", table.spellings[row]);
    for (std::size_t column = 0; column < kColumns; ++column) {
      const auto cell = std::find_if(table.cells.begin(), table.cells.end(),
                                     [&](const Cell& c) { return c.row == row && static_cast<std::size_t>(c.column) == column; });
      line += cell == table.cells.end() ? "     -" : fmt::format("{:6}", histogram.cells[static_cast<std::size_t>(cell - table.cells.begin())]);
    }
    fmt::print("{}\n", line);
  }
  fmt::print("nodes of the normal forms:");
  for (const auto& [name, uses] : histogram.nodes) fmt::print(" {} {};", name, uses);
  fmt::print("\nprograms with:");
  for (const auto& [name, programs] : histogram.features) fmt::print(" {} {};", name, programs);
  fmt::print("\n");
}

struct Options {
  std::string table;
  std::size_t count = kFastMods;
  std::uint64_t seed = 1;
  std::size_t plain_every = 1, failures = 5;
  bool print = false, starve = false;
  std::string file;
};

/// A failing program, smaller, in words.
std::string report(const Program& program, std::uint64_t seed, Beside beside, const std::string& what) {
  const auto fails = [&](const Program& candidate) {
    Refusal refusal;
    const auto compiled = compile(candidate.print(), beside, refusal);
    return compiled && !judge(*compiled, seed).difference.empty();
  };
  const Program small = shrink(program, fails, kShrinkTries);
  Refusal refusal;
  const auto compiled = compile(small.print(), beside, refusal);
  return fmt::format("seed {}: {}\nshrunk from {} to {} parts:\n{}{}\n", seed, what, program.size(), small.size(), small.print(),
                     compiled ? judge(*compiled, seed).difference : refusal.message);
}

std::string report_refused(const Program& program, std::uint64_t seed, Beside beside, const Refusal& refusal) {
  const auto fails = [&](const Program& candidate) {
    Refusal other;
    return !compile(candidate.print(), beside, other) && !other.by_front_end;
  };
  const Program small = refusal.by_front_end ? program : shrink(program, fails, kShrinkTries);
  return fmt::format("seed {}: refused: {}\n{}", seed, refusal.message, small.print());
}

int judge_file(const Options& options) {
  std::ifstream file(options.file);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Refusal refusal;
  const auto compiled = compile(text, Beside::Plain, refusal);
  for (std::uint64_t seed = options.seed; compiled && seed < options.seed + kFileSeeds; ++seed) {
    const std::string difference = judge(*compiled, seed).difference;
    if (difference.empty()) continue;
    fmt::print("seed {}: {}\n", seed, difference);
    return 1;
  }
  fmt::print("{}\n", compiled ? "no difference" : refusal.message);
  return compiled ? 0 : 1;
}

int run(const Options& options) {
  std::string error;
  const auto table = read_table(options.table, error);
  if (!table) {
    fmt::print("{}\n", error);
    return 1;
  }
  Table shown = *table;
  if (options.starve) std::erase_if(shown.cells, [&](const Cell& cell) { return table->spellings[cell.row] == "a // b"; });
  Histogram histogram{std::vector<std::size_t>(shown.cells.size()), {}, {}};
  Comparison total;
  std::size_t failures = 0, programs = (options.count + 1) / 2;
  for (std::size_t i = 0; i < programs && failures < options.failures; ++i) {
    const std::uint64_t seed = options.seed + i;
    const Beside beside = i % options.plain_every == 0 ? Beside::Plain : Beside::Narrow;
    const Program program = Generator(shown, seed).program();
    if (options.print) fmt::print("# seed {}\n{}\n", seed, program.print());
    Refusal refusal;
    const auto compiled = compile(program.print(), beside, refusal);
    if (!compiled) {
      fmt::print("{}\n", report_refused(program, seed, beside, refusal));
      ++failures;
      continue;
    }
    const Comparison result = judge(*compiled, seed);
    total.pairs += result.pairs;
    total.floats += result.floats;
    total.narrow_pairs += result.narrow_pairs;
    total.narrow += result.narrow;
    total.like_rows += result.like_rows;
    if (!result.difference.empty()) {
      ++failures;
      fmt::print("{}\n", report(program, seed, beside, result.difference));
      continue;
    }
    count(shown, program, compiled->form, histogram);
  }
  if (options.starve) {
    // Over the whole table again: what the generator could not draw is short.
    Histogram whole{std::vector<std::size_t>(table->cells.size()), histogram.features, {}};
    for (std::size_t i = 0, k = 0; i < table->cells.size(); ++i)
      if (table->spellings[table->cells[i].row] != "a // b") whole.cells[i] = histogram.cells[k++];
    const bool found = missing(*table, whole).find("only 0 uses of a // b") != std::string::npos;
    fmt::print("{}\n", found ? "the starved operation is reported" : "the starved operation is not reported");
    return found && failures == 0 ? 0 : 1;
  }
  print(shown, histogram);
  const double share = total.floats ? static_cast<double>(total.narrow) / static_cast<double>(total.floats) : 1;
  const std::string gaps = failures == 0 ? missing(shown, histogram) : "";
  fmt::print(
      "{}{} mods from seed {}: {} pairs judged, {} of them on narrow members, {} differ; every {}th program unoptimised too; of {} floats outside of the strict cone {:.1f} % have "
      "narrow ranges; {} rows with another one's mask key had its bits\n",
      gaps, 2 * programs, options.seed, total.pairs, total.narrow_pairs, failures, options.plain_every, total.floats, 100 * share, total.like_rows);
  if (total.like_rows == 0) fmt::print("no mask key was tested\n");
  if (share < kNarrowShare) fmt::print("too many ranges say nothing\n");
  return failures == 0 && gaps.empty() && share >= kNarrowShare && total.like_rows > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const char* seed = std::getenv("FLEXC_SEED")) options.seed = std::strtoull(seed, nullptr, 10);
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const auto number = [&] { return std::strtoull(argv[++i], nullptr, 10); };
    if (option == "--print")
      options.print = true;
    else if (option == "--starve")
      options.starve = true;
    else if (i + 1 < argc && option == "--count")
      options.count = number();
    else if (i + 1 < argc && option == "--seed")
      options.seed = number();
    else if (i + 1 < argc && option == "--file")
      options.file = argv[++i];
    else if (i + 1 < argc && option == "--failures")
      options.failures = number();
    else if (i + 1 < argc && option == "--plain-every")
      options.plain_every = std::max(1ull, number());
    else
      options.table = option;
  }
  return options.file.empty() ? run(options) : judge_file(options);
}
