// flexc explain: what the compiler found out about a variant, what it could not prove about its mask, and what its CUDA kernel costs by its machine code.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "flexc/explain.h"
#include "tools/flexc/explain_kernel.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/mask_problem.h"
#include "tools/flexc/output.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

constexpr std::string_view kDefaultShape = "1,2,4096,4096";

/// What one refinement leaves undecided.
struct Left {
  BlockMask mask;
  MaskReport report;
};

class ExplainVerb final : public Verb {
 public:
  explicit ExplainVerb(CLI::App& parent) {
    app = add_verb(parent, "explain", "Say how a variant's score and mask are computed, and which tiles of the mask no proof settles");
    problem_.add_to(*app, kDefaultShape);
    add_switch(*app, "--kernel", with_kernel_, "Compile the CUDA kernel, and say what its machine code takes (no GPU is needed)");
    add_text(*app, "--dtype", dtype_text_, "f32|f16|bf16", "Type of q, k, v for --kernel: f16 and bf16 are the Hopper kernel's, f32 is the plain one's (default bf16)");
    add_text(*app, "--head-dim", head_dim_text_, "N", "Head dim for --kernel (default 64)");
    add_switch(*app, "--json", json_, "Print as JSON");
    add_footer(*app,
        "A tile is undecided where it is called partial and is not: it costs time, and no answer changes. Tiles are compared with those of an exact\n"
        "refinement, which looks at every pair that no proof settles. Expressions are those of the mask after the rewrites (flexc emit --stage tile).\n"
        "Without the captures of a variant of your own, what depends on their values is left out.\n\n"
        "--kernel needs NVRTC, and nvdisasm for what is counted in machine code. What it predicts follows from counts of instructions: nothing is measured.\n\n"
        "Examples:\n"
        "  flexc explain sliding_window\n"
        "  flexc explain document --shape 1,1,8192,8192 --json\n"
        "  flexc explain my.flex --capture doc=doc.npy --block 64,64\n"
        "  flexc explain causal --kernel --head-dim 128\n"
        "  flexc explain --mask 'q_idx * kv_idx % 7 < 3'");
  }

  int run() override {
    problem_.check();
    const std::optional<DType> dtype = parse_dtype(dtype_text_);
    const std::int64_t head_dim = head_dim_text_ ? parse_integer("--head-dim", *head_dim_text_) : 64;
    if (head_dim < 1) usage_error(fmt::format("--head-dim {}: must be at least 1", *head_dim_text_));
    if (!with_kernel_ && (dtype_text_ || head_dim_text_)) usage_error("--dtype and --head-dim are for --kernel");
    const LoadedVariant variant = problem_.load();
    auto facts = variant.variant.facts();
    if (!facts) {
      if (facts.error().diagnostics) throw VariantFailure(std::move(*facts.error().diagnostics));
      throw Failure(std::move(facts.error().error));
    }
    facts_ = *facts;
    has_mask_ = variant.variant.has_mask_mod();
    const std::vector<std::string> missing = missing_captures(variant);
    auto work = explain_kernel(variant.variant);
    if (!work) throw Failure(std::move(work.error().error));
    work_ = std::move(*work);
    if (with_kernel_) code_ = look_at_code(variant.variant, dtype.value_or(bf16), head_dim);
    if (has_mask_ && missing.empty()) look_at_tiles(variant);
    if (json_) print_json(variant, missing);
    else print_text(variant, missing);
    return kExitDone;
  }

 private:
  /// Captures that nothing brings: a gallery entry makes its own.
  std::vector<std::string> missing_captures(const LoadedVariant& variant) const {
    std::vector<std::string> names;
    if (variant.entry) return names;
    for (const Variant::Capture& capture : variant.variant.captures())
      if (capture.used && !problem_.bindings.captures.contains(capture.name)) names.push_back(capture.name);
    return names;
  }

  void look_at_tiles(const LoadedVariant& variant) {
    const BoundCaptures bound = problem_.bind(variant);
    const std::shared_ptr<const Kernel> kernel = problem_.kernel(variant, bound);
    const auto build = [&](MaskShape::Refine refine, bool explain) {
      MaskShape shape = problem_.shape;
      shape.refine = refine;
      shape.explain = explain;
      Left left;
      left.mask = take(kernel->block_mask(shape, bound.captures, &left.report));
      return left;
    };
    proof_ = build(MaskShape::Refine::None, true);
    refined_ = build(MaskShape::Refine::Default, true);
    exact_ = build(MaskShape::Refine::Exact, false).mask;
  }

  /// How a kernel learns what is kept.
  std::string kernel_way() const {
    if (!has_mask_) return "none";
    if (facts_.has_band) return facts_.has_residual ? "band and residual" : "band";
    return "metadata";
  }
  std::string kernel_text() const {
    const std::string way = kernel_way();
    if (way == "none") return "none: every pair is kept";
    if (way == "band") return "band: the keys of a row are at most two intervals, which kernels compute; no metadata is needed";
    if (way == "band and residual") return "band and residual: kernels compute intervals outside of which a row keeps nothing, and ask mask_mod inside of them";
    return "metadata: kernels skip by a block mask, and ask mask_mod in its partial tiles";
  }
  static std::string tiles_text(const std::string& method) {
    if (method == "constant") return "constant: one value everywhere";
    if (method == "band") return "band: one evaluation a block of rows";
    if (method == "diagonal") return "diagonal: a function of q_idx - kv_idx, one evaluation a diagonal of tiles";
    return "metadata, by descent: coarse regions first, finer ones where undecided";
  }

  /// Whether calls of this shape are in steps, for which CUDA has a kernel of its own.
  bool in_steps() const {
    const auto& [shape, positions] = std::tie(problem_.shape, problem_.positions);
    return positions.q.of_length(shape.q_len).step != 1 || positions.kv.of_length(shape.kv_len).step != 1;
  }

  void print_json(const LoadedVariant& variant, const std::vector<std::string>& missing) const {
    nlohmann::ordered_json json = {{"variant", variant.name},
                                   {"score", {{"class", facts_.score_class}, {"launch_values", facts_.launch_values}, {"column_words", facts_.column_values}}},
                                   {"mask", {{"kernel", kernel_way()}, {"tiles", nullptr}}}};
    if (in_steps()) json["positions"] = {{"q_step", problem_.positions.q.step}, {"kv_step", problem_.positions.kv.step}, {"cuda_kernel", "in steps"}};
    json["work"] = work_json(work_);
    if (code_) json["kernel"] = code_json(*code_);
    if (!missing.empty()) json["mask"]["missing_captures"] = missing;
    if (proof_) {
      const BlockMask::Counts counts = exact_.counts();
      nlohmann::ordered_json causes = nlohmann::ordered_json::array();
      for (const UndecidedCause& cause : proof_->report.undecided)
        causes.push_back({{"expression", cause.expression}, {"captures", cause.captures}, {"tiles", cause.tiles}, {"whole_rows", cause.in_rows}, {"q_idx", cause.q_idx}, {"kv_idx", cause.kv_idx}});
      json["mask"]["tiles"] = {{"way", proof_->report.method},
                               {"shape", {{"B", problem_.shape.batch}, {"H", problem_.shape.heads}, {"HKV", problem_.shape.kv_heads}, {"Q", problem_.shape.q_len}, {"KV", problem_.shape.kv_len}}},
                               {"block", {problem_.shape.block_q, problem_.shape.block_kv}},
                               {"maps", exact_.batches * exact_.heads},
                               {"blocks", {{"empty", counts.empty}, {"partial", counts.partial}, {"full", counts.full}}},
                               {"undecided", {{"none", proof_->report.undecided_tiles}, {"default", refined_->report.undecided_tiles}}},
                               {"examined", proof_->report.undecided_examined},
                               {"causes", causes}};
    }
    print_result(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  void print_text(const LoadedVariant& variant, const std::vector<std::string>& missing) const {
    const auto line = [](std::string_view label, const std::string& text) { return fmt::format("{:<11}{}\n", label, text); };
    std::string text = line("variant", variant.name);
    const std::string_view score = facts_.score_class == "identity" ? "nothing is computed a score" : facts_.score_class == "affine" ? "three numbers a row, one multiply-add a score" : "computed at every score";
    text += line("score", fmt::format("{}: {}", facts_.score_class, score));
    if (facts_.launch_values + facts_.column_values > 0)
      text += line("hoisted", fmt::format("{} values once a call, {} words a key once a tile", facts_.launch_values, facts_.column_values));
    text += work_text(work_);
    if (in_steps()) text += line("positions", fmt::format("steps of {} and {}: on CUDA another kernel than for steps of 1, with the same loop (flexc emit --steps); in a bundle the plain one", problem_.positions.q.step, problem_.positions.kv.step));
    text += line("mask", kernel_text());
    if (!missing.empty()) text += line("tiles", fmt::format("not looked at: captures are missing (--capture {}=F)", fmt::join(missing, "=F --capture ")));
    if (proof_) text += tiles();
    if (code_) text += code_text(*code_);
    print_result(text);
  }

  std::string tiles() const {
    const BlockMask::Counts counts = exact_.counts();
    const std::int64_t all = counts.empty + counts.partial + counts.full;
    const auto share = [&](std::int64_t count) { return all ? 100.0 * static_cast<double>(count) / static_cast<double>(all) : 0.0; };
    std::string text = fmt::format("{:<11}{}\n", "tiles", tiles_text(proof_->report.method));
    text += fmt::format("{:<11}{} x {} pairs in blocks of {} x {}, {} map{}: {} empty, {} partial, {} full\n", "", grouped(problem_.shape.q_len), grouped(problem_.shape.kv_len), problem_.shape.block_q, problem_.shape.block_kv,
                        exact_.batches * exact_.heads, exact_.batches * exact_.heads == 1 ? "" : "s", grouped(counts.empty), grouped(counts.partial), grouped(counts.full));
    const std::int64_t proof = proof_->report.undecided_tiles, refined = refined_->report.undecided_tiles;
    if (proof == 0) return text + fmt::format("{:<11}0: proof alone settles every tile\n", "undecided");
    text += fmt::format("{:<11}{} by proof alone ({:.2f} %), {} with samples and bisection ({:.2f} %)\n", "undecided", grouped(proof), share(proof), grouped(refined), share(refined));
    for (const UndecidedCause& cause : proof_->report.undecided) {
      text += fmt::format("{:<11}{} of {} looked at: {}{}\n", "", cause.tiles, proof_->report.undecided_examined, cause.expression,
                          cause.in_rows ? ", which settles a tile alone, but not a whole block of rows" : "");
      text += fmt::format("{:<13}{}for example in the tile of q_idx {}, kv_idx {}\n", "", cause.captures.empty() ? "" : fmt::format("captures {}; ", fmt::join(cause.captures, ", ")), cause.q_idx, cause.kv_idx);
    }
    return text;
  }

  MaskProblem problem_;
  std::optional<std::string> dtype_text_, head_dim_text_;
  bool json_ = false, with_kernel_ = false, has_mask_ = false;
  VariantFacts facts_;
  KernelExplanation work_;
  std::optional<KernelCode> code_;
  std::optional<Left> proof_, refined_;
  BlockMask exact_;
};

}  // namespace

std::unique_ptr<Verb> add_explain_verb(CLI::App& parent) { return std::make_unique<ExplainVerb>(parent); }

}  // namespace flexc::cli
