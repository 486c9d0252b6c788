#include "tools/flexc/explain_kernel.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "tools/flexc/failure.h"
#include "tools/flexc/output.h"

namespace flexc::cli {
namespace {

std::string line(std::string_view label, const std::string& text) { return fmt::format("{:<11}{}\n", label, text); }

/// "once a head", for the name of a level.
std::string when(std::string_view level) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kWhen = {{{"launch", "once a call"},
                                                                                   {"head", "once a head"},
                                                                                   {"q_side", "once a row"},
                                                                                   {"kv_side", "once a key"},
                                                                                   {"relative", "once a difference q - kv"},
                                                                                   {"pair", "at every pair"}}};
  const auto* const found = std::ranges::find(kWhen, level, [](const auto& each) { return each.first; });
  return std::string(found == kWhen.end() ? level : found->second);
}

/// What takes the most clocks of a turn of the main loop, if each unit were always busy.
struct Bound {
  const char* unit;
  unsigned clocks;
};
Bound bound_of(const MainLoop& loop) {
  return std::ranges::max(std::array<Bound, 3>{{{"tensor", loop.tensor_clocks}, {"MUFU", loop.mufu_clocks()}, {"issue", loop.slots}}}, {}, &Bound::clocks);
}
double share_of_peak(const MainLoop& loop) { return static_cast<double>(loop.tensor_clocks) / bound_of(loop).clocks; }

/// Rows of 2-byte elements, one behind the other, that TMA cannot step over. The plain kernel reads any.
bool repacks_dense(const KernelCode& code) {
  constexpr std::int64_t kRowElements = 8;
  return !code.is_simt && code.head_dim % kRowElements != 0;
}

}  // namespace

KernelCode look_at_code(const Variant& variant, DType dtype, std::int64_t head_dim) {
  KernelCode code{.dtype = dtype, .head_dim = head_dim};
  const EmitOptions options{.dtype = dtype, .head_dim = head_dim, .in_child = true, .gallery_name = {}, .on_warning = [](std::string_view text) { print_warning(text); }};
  auto kernel = variant.emit_kernel("cubin", options);
  if (!kernel) {
    if (kernel.error().diagnostics) throw VariantFailure(std::move(*kernel.error().diagnostics));
    if (kernel.error().error.kind != ErrorKind::Environment) throw Failure(std::move(kernel.error().error));
    code.missing = kernel.error().error.message;
    return code;
  }
  code.is_simt = kernel->kernel == CudaKernelChoice::Simt, code.architecture = kernel->architecture;
  code.registers = kernel->registers, code.spill_bytes = kernel->spill_bytes, code.smem_bytes = kernel->smem_bytes;
  const auto listing = variant.emit_kernel("sass", options);
  if (!listing) {
    code.loop_missing = listing.error().error.message;
    return code;
  }
  code.loop = main_loop(listing->bytes);
  if (!code.loop) code.loop_missing = "the machine code has no loop with matrix products";
  return code;
}

std::string work_text(const KernelExplanation& work) {
  std::vector<std::string> parts;
  for (const KernelExplanation::Level& level : work.levels)
    if (level.operations != 0) parts.push_back(fmt::format("{} {}", level.operations, when(level.name)));
  std::string text = parts.empty() ? "" : line("operations", fmt::format("{}{}", fmt::join(parts, ", "), work.reductions ? "; those of a sum over a row of a capture for each of its elements" : ""));
  std::map<std::string, unsigned> seen;  // equal ones share a line
  std::vector<std::string> order;
  for (const KernelExplanation::Gather& gather : work.gathers) {
    const std::string one = fmt::format("{} {}{}: {}", gather.capture, when(gather.level), gather.in_table ? " of a tile, into a table in shared memory" : "",
                                        gather.bounds == "guarded" ? "guarded, its indices are compared where it is read"
                                        : gather.bounds == "proven" ? "proven, its indices are never outside of it (they are compared all the same)"
                                                                    : "launch-checked, its indices are inside where the launch's checks hold (they are compared all the same)");
    if (seen[one]++ == 0) order.push_back(one);
  }
  const auto differences = std::ranges::find(work.levels, "relative", &KernelExplanation::Level::name);
  if (differences != work.levels.end() && differences->operations != 0) text += line("table", "a table a tile of q - kv in shared memory, which the pairs of the tile read");
  for (const std::string& one : order) text += line(&one == order.data() ? "gathers" : "", one + (seen[one] > 1 ? fmt::format(" ({} of them)", seen[one]) : ""));
  if (!work.launch_checks.empty()) text += line("narrow", fmt::format("32-bit positions where a launch finds these small: {}; else the wide member runs", fmt::join(work.launch_checks, ", ")));
  return text;
}

std::string code_text(const KernelCode& code) {
  const std::string name = fmt::format("{}{}, {}, head dim {}: ", code.is_simt ? "plain (simt), " : "", code.architecture, name_of(code.dtype), code.head_dim);
  if (!code.missing.empty()) return line("kernel", name + "not compiled: " + code.missing);
  std::string text = line("kernel", name + fmt::format("{} registers, {} bytes spilled, {} bytes of shared memory", code.registers, code.spill_bytes, code.smem_bytes));
  if (repacks_dense(code))
    text += line("repacked", fmt::format("dense q, k, v and out: their rows are {} bytes apart, and TMA asks for multiples of 16; each launch copies them into its workspace", 2 * code.head_dim));
  if (!code.loop) return text + line("slots", "not counted: " + code.loop_missing);
  const MainLoop& loop = *code.loop;
  text += line("slots", fmt::format("{:.2f} a score of a tile that needs no mask: {} issued for 64 rows by {} keys{}", loop.slots_per_element(), loop.slots, loop.keys,
                                    loop.has_loop ? ", and more: a loop in them is counted for one turn" : ""));
  const double tensor = std::max(1u, loop.tensor_clocks);
  text += line("clocks", fmt::format("{} of the tensor cores ({} products); beside them {} of MUFU ({:.0f} %), {} to issue ({:.0f} %)", loop.tensor_clocks, loop.products, loop.mufu_clocks(),
                                     100 * loop.mufu_clocks() / tensor, loop.slots, 100 * loop.slots / tensor));
  return text + line("bound", fmt::format("{}; static prediction, nothing measured: at most {:.0f} % of the tensor cores' peak{}", bound_of(loop).unit, 100 * share_of_peak(loop),
                                          loop.has_loop ? ", less by that loop" : ""));
}

nlohmann::ordered_json work_json(const KernelExplanation& work) {
  nlohmann::ordered_json json = {{"operations", nlohmann::ordered_json::object()}, {"gathers", nlohmann::ordered_json::array()}, {"launch_checks", work.launch_checks}};
  if (work.reductions) json["reductions"] = work.reductions;
  for (const KernelExplanation::Level& level : work.levels) json["operations"][level.name] = level.operations;
  for (const KernelExplanation::Gather& gather : work.gathers)
    json["gathers"].push_back({{"capture", gather.capture}, {"level", gather.level}, {"in_table", gather.in_table}, {"bounds", gather.bounds}});
  return json;
}

nlohmann::ordered_json code_json(const KernelCode& code) {
  nlohmann::ordered_json json = {{"kernel", code.is_simt ? "simt" : "hopper"}, {"arch", code.architecture}, {"dtype", std::string(name_of(code.dtype))}, {"head_dim", code.head_dim}};
  if (!code.missing.empty()) {
    json["missing"] = code.missing;
    return json;
  }
  json.update({{"registers", code.registers}, {"spill_bytes", code.spill_bytes}, {"smem_bytes", code.smem_bytes}, {"repacks_dense", repacks_dense(code)}, {"main_loop", nullptr}});
  if (!code.loop) {
    json["missing"] = code.loop_missing;
    return json;
  }
  const MainLoop& loop = *code.loop;
  json["main_loop"] = {{"keys", loop.keys},
                       {"slots", loop.slots},
                       {"slots_per_element", loop.slots_per_element()},
                       {"has_loop", loop.has_loop},
                       {"products", loop.products},
                       {"clocks", {{"tensor", loop.tensor_clocks}, {"mufu", loop.mufu_clocks()}, {"issue", loop.slots}}}};
  json["static_prediction"] = {{"bound", bound_of(loop).unit}, {"share_of_peak", share_of_peak(loop)}, {"measured", false}};
  return json;
}

}  // namespace flexc::cli
