// flexc mask: which tiles of a call are empty, partial and full.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "flexc/io.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/mask_problem.h"
#include "tools/flexc/output.h"
#include "tools/flexc/picture.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

constexpr int kBuildRepeats = 5;
constexpr double kRepeatBelow = 0.05;  // seconds; a slower build is timed once

class MaskVerb final : public Verb {
 public:
  explicit MaskVerb(CLI::App& parent) {
    app = add_verb(parent, "mask", "Show which tiles a mask leaves empty, partial and full");
    problem_.add_to(*app);
    add_text(*app, "--refine", refine_text_, "none|default|exact", "How far to refine (default: default)");
    add_text(*app, "--out", out_, "F.npy", "Write the map: u8 [b or 1, h or 1, q-blocks, kv-blocks], 0 empty, 1 partial, 2 full");
    add_text(*app, "--png", png_, "F.png", "Write a picture");
    add_text(*app, "--svg", svg_, "F.svg", "Write a drawing");
    add_switch(*app, "--json", json_, "Print counts as JSON instead of a summary and a picture");
    add_footer(*app,
        "A gallery entry makes the captures that are not given.\n\n"
        "Examples:\n"
        "  flexc mask causal --shape 1,1,2048,2048\n"
        "  flexc mask document --shape 1,1,4096,4096 --seed 7 --png document.png\n"
        "  flexc mask my.flex --shape 2,8,1024,1024 --capture doc=doc.npy --block 64,64 --json");
  }

  int run() override {
    check_usage();
    const LoadedVariant variant = problem_.load();
    const BoundCaptures bound = problem_.bind(variant);
    build(*problem_.kernel(variant, bound), bound);
    write_files(variant.name);
    if (json_) print_json();
    else print_summary(variant.name);
    return kExitDone;
  }

 private:
  void check_usage() {
    problem_.check();
    if (refine_text_) problem_.shape.refine = parse_refine(*refine_text_, "none|default|exact");
    check_outputs(input_files(problem_.variant, problem_.bindings), {{"--out", out_, ".npy"}, {"--png", png_, ".png"}, {"--svg", svg_, ".svg"}});
  }

  /// Builds the mask; its time is the median of a few builds where those are quick.
  void build(const Kernel& kernel, const BoundCaptures& bound) {
    MaskShape shape = problem_.shape;
    shape.cached = false;  // its time is what is asked for
    mask_ = take(kernel.block_mask(shape, bound.captures, &report_));
    std::vector<double> times{report_.build_s};
    while (times.front() < kRepeatBelow && times.size() < kBuildRepeats) {
      MaskReport again;
      (void)take(kernel.block_mask(shape, bound.captures, &again));
      times.push_back(again.build_s);
    }
    std::ranges::sort(times);
    report_.build_s = times[times.size() / 2];
  }

  void write_files(const std::string& name) const {
    OutputFiles files;
    if (out_) {
      Tensor map(u8, {mask_.batches, mask_.heads, mask_.q_blocks(), mask_.kv_blocks()});
      std::ranges::copy(mask_.dense(), map.as<std::uint8_t>());
      take(files.stage(*out_, npy_bytes(map.view())));
    }
    if (svg_) take(files.stage(*svg_, svg_picture(mask_, name)));
    if (png_) {
      const std::string image = png_picture(mask_, name);
      if (image.empty()) throw Failure(ErrorKind::Environment, "--png: not enough memory for the picture");
      take(files.stage(*png_, image));
    }
    take(files.commit());
  }

  void print_json() const {
    const BlockMask::Counts counts = mask_.counts();
    nlohmann::ordered_json json = {{"blocks", {{"empty", counts.empty}, {"partial", counts.partial}, {"full", counts.full}}}};
    json["kept"] = nullptr;
    if (const auto kept = kept_share(mask_, report_)) json["kept"] = *kept;
    json["build_s"] = report_.build_s;
    json["bytes"] = mask_.bytes();
    json["evaluations"] = report_.evaluations;
    json["pair_evaluations"] = report_.pair_evaluations;
    json["method"] = report_.method;
    print_result(json.dump() + "\n");
  }

  void print_summary(const std::string& name) const {
    const BlockMask::Counts counts = mask_.counts();
    const std::int64_t tiles = counts.empty + counts.partial + counts.full;
    const auto share = [&](std::int64_t count) { return tiles ? 100.0 * static_cast<double>(count) / static_cast<double>(tiles) : 0.0; };
    std::string text = fmt::format("{:<9}{}\n{:<9}{} x {} pairs, ", "variant", name, "shape", grouped(mask_.q_len), grouped(mask_.kv_len));
    if (mask_.batches == 1 && mask_.heads == 1) text += "one map for every batch and head\n";
    else text += fmt::format("a map for each of {} batches and {} heads; the picture shows the first\n", mask_.batches, mask_.heads);
    if (const auto kept = kept_share(mask_, report_)) text += fmt::format("{:<9}{:.4g} % of the pairs\n", "kept", *kept * 100);
    text += fmt::format("{:<9}{} empty ({:.1f} %), {} partial ({:.1f} %), {} full ({:.1f} %), {} x {} pairs each\n", "tiles", grouped(counts.empty), share(counts.empty),
                        grouped(counts.partial), share(counts.partial), grouped(counts.full), share(counts.full), mask_.block_q, mask_.block_kv);
    text += fmt::format("{:<9}{}, {}\n", "built in", duration_text(report_.build_s), byte_text(mask_.bytes()));
    if (tiles > 0) {
      const Terminal terminal = describe_terminal();
      text += '\n';
      text += terminal_picture(mask_, 0, 0, terminal.columns, terminal.colour, terminal.unicode);
    }
    print_result(text);
  }

  MaskProblem problem_;
  std::optional<std::string> refine_text_, out_, png_, svg_;
  bool json_ = false;
  BlockMask mask_;
  MaskReport report_;
};

}  // namespace

std::unique_ptr<Verb> add_mask_verb(CLI::App& parent) { return std::make_unique<MaskVerb>(parent); }

}  // namespace flexc::cli
