// flexc run: one attention call, from files or random tensors to files or a summary.
#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "flexc/repacking.h"
#include "tools/flexc/call_options.h"
#include "tools/flexc/device_call.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/inputs.h"
#include "tools/flexc/output.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

constexpr std::int64_t kShownValues = 4;

/// What a person wants to know about an output at a glance. Non-finite values are counted and left out of the rest.
struct Statistics {
  double mean = 0, rms = 0, least = 0, most = 0;
  std::int64_t finite = 0, nan = 0, infinite = 0;
  std::vector<double> first;
};

Statistics statistics_of(const TensorView& tensor) {
  Statistics s;
  for (std::int64_t i = 0, n = tensor.element_count(); i < n; ++i) {
    const double value = load_as_double(tensor, i);
    if (i < kShownValues) s.first.push_back(value);
    if (std::isnan(value)) ++s.nan;
    else if (std::isinf(value)) ++s.infinite;
    else {
      s.least = s.finite ? std::min(s.least, value) : value;
      s.most = s.finite ? std::max(s.most, value) : value;
      s.mean += value;
      s.rms += value * value;
      ++s.finite;
    }
  }
  if (s.finite) s.mean /= static_cast<double>(s.finite), s.rms = std::sqrt(s.rms / static_cast<double>(s.finite));
  return s;
}

nlohmann::ordered_json json_of(const TensorView& tensor, const std::optional<std::string>& file) {
  const Statistics s = statistics_of(tensor);
  nlohmann::ordered_json json = {{"dtype", name_of(tensor.dtype)}, {"shape", tensor.shape}, {"mean", s.mean}, {"rms", s.rms}, {"min", s.least}, {"max", s.most},
                                 {"nan", s.nan}, {"infinite", s.infinite}, {"first", s.first}};
  if (file) json["file"] = *file;
  return json;
}

std::string line_of(std::string_view name, const TensorView& tensor) {
  const Statistics s = statistics_of(tensor);
  std::string line = fmt::format("{:<11}{} {}", name, name_of(tensor.dtype), shape_text(tensor.shape));
  if (s.finite) line += fmt::format(": mean {:.5g}, rms {:.5g}, {:.5g} to {:.5g}; starts {:.5g}", s.mean, s.rms, s.least, s.most, fmt::join(s.first, " "));
  if (s.nan) line += fmt::format("; {} NaN", grouped(s.nan));
  if (s.infinite) line += fmt::format("; {} infinite", grouped(s.infinite));
  return line + "\n";
}

class RunVerb final : public Verb {
 public:
  explicit RunVerb(CLI::App& parent) {
    app = add_verb(parent, "run", "Run attention with a variant");
    variant_.add_to(*app);
    add_text(*app, "--q", q_, "F", "Queries [B, H, Q, D]: FILE.npy or FILE.safetensors:TENSOR");
    add_text(*app, "--k", k_, "F", "Keys [B or 1, HKV, KV, D]");
    add_text(*app, "--v", v_, "F", "Values [B or 1, HKV, KV, DV]");
    random_.add_to(*app, "Draw q, k, v (and a gallery entry's captures) instead");
    bindings_.add_to(*app);
    scale_.add_to(*app);
    add_text(*app, "--sink", sink_, "F", "f32 [H]: a logit that joins each row's denominator");
    positions_.add_to(*app);
    block_.add_to(*app);
    execution_.add_to(*app, "Round q, k, v to this type; default: as stored, f32 for --random");
    add_text(*app, "--refine", refine_text_, "off|none|default|exact", "How far to refine the block mask; off: use none");
    add_text(*app, "--split", split_text_, "auto|N", "Cut the keys into N parts by position (auto: as the shape suggests); the oracle cuts nothing");
    add_switch(*app, "--checked", checked_, "Report a gather out of range as an error");
    add_text(*app, "--out", out_, "F.npy", "Write the output");
    add_text(*app, "--lse", lse_, "F.npy", "Write the log-sum-exp of each row");
    add_text(*app, "--max-scores", max_scores_, "F.npy", "Write the largest kept score of each row");
    add_switch(*app, "--json", json_, "Print the summary as JSON");
    add_footer(*app,
        "Without --out, --lse and --max-scores a summary is printed.\n\n"
        "Examples:\n"
        "  flexc run causal --random 1,8,8,512,512,64,64\n"
        "  flexc run my.flex --q q.npy --k k.npy --v v.npy --capture bias=bias.npy --out out.npy\n"
        "  flexc run document --q x.safetensors:q --k x.safetensors:k --v x.safetensors:v --capture doc=x.safetensors:doc --out out.npy\n"
        "  flexc run --mask 'q_idx >= kv_idx' --score 'score * 0.5' --random 1,4,4,256,256,64,64 --json");
  }

  int run() override {
    check_usage();
    const LoadedVariant variant = load_variant(variant_, bindings_);
    const AttentionInputs inputs = random_.text ? random_attention(random_.extents, random_.seed.value, execution_.dtype.value_or(f32)) : load_attention(*q_, *k_, *v_, execution_.dtype);
    const GalleryProblem problem = problem_of(inputs);
    BoundCaptures bound = bind_captures(variant, bindings_, random_.text ? &problem : nullptr, random_.seed.value);
    const std::shared_ptr<const Kernel> kernel = compile(variant, inputs, bound);
    attend(*kernel, variant, inputs, bound);
    return kExitDone;
  }

 private:
  void check_usage() {
    variant_.check();
    bindings_.check();
    positions_.check();
    block_.check();
    if (random_.text && (q_ || k_ || v_)) usage_error("--random and --q, --k, --v exclude each other");
    if (!random_.text && !q_ && !k_ && !v_) usage_error("no inputs: give --q, --k and --v, or --random " + std::string(RandomOptions::kForm));
    if (!random_.text && !(q_ && k_ && v_)) usage_error(fmt::format("--{} is missing: --q, --k and --v go together", !q_ ? "q" : !k_ ? "k" : "v"));
    random_.check();
    scale_.check();
    execution_.check();
    if (refine_text_) {
      const MaskShape::Refine refine = parse_refine(*refine_text_, "off|none|default|exact");
      refine_ = *refine_text_ == "off" ? std::nullopt : std::optional(refine);
    }
    if (split_text_ && *split_text_ != "auto") {
      split_ = parse_integer("--split", *split_text_);
      if (split_ < 1) usage_error(fmt::format("--split {}: expected auto, or at least 1", *split_text_));
    }
    check_output_names();
  }

  void check_output_names() const {
    std::vector<std::pair<std::string, std::string>> files = input_files(variant_, bindings_);
    for (const auto& [option, file] : {std::pair("--q", &q_), std::pair("--k", &k_), std::pair("--v", &v_), std::pair("--sink", &sink_)}) {
      if (*file && (*file)->empty()) usage_error(fmt::format("{}: the file name is empty", option));
      if (*file) files.emplace_back(option, **file);
    }
    check_outputs(files, {{"--out", out_, ".npy"}, {"--lse", lse_, ".npy"}, {"--max-scores", max_scores_, ".npy"}});
  }

  GalleryProblem problem_of(const AttentionInputs& inputs) const {
    const auto& q = inputs.q.view().shape;
    const auto& k = inputs.k.view().shape;
    return {q[0], q[1], k[1], PositionOptions::total(positions_.q, q[2]), PositionOptions::total(positions_.kv, k[2]), variant_.consts};
  }

  std::shared_ptr<const Kernel> compile(const LoadedVariant& variant, const AttentionInputs& inputs, const BoundCaptures& bound) const {
    CompileOptions options;
    options.dtype = inputs.dtype;
    options.head_dim = inputs.q.view().shape[3];
    options.value_dim = inputs.v.view().shape[3];
    options.device = execution_.device;
    options.captures = bound.types;
    if (options.head_dim < 1 || options.value_dim < 1) input_error(fmt::format("D = {} and DV = {}: both head dims must be at least 1", options.head_dim, options.value_dim));
    return cli::compile(variant.variant, options);
  }

  /// What the Hopper kernel copies first; other kernels read tensors where they are.
  static std::vector<std::string_view> repacked_by(std::string_view kernel, const RunArguments& arguments) {
    return kernel == "hopper" ? repacked_tensors(arguments) : std::vector<std::string_view>{};
  }

  void attend(const Kernel& kernel, const LoadedVariant& variant, const AttentionInputs& inputs, BoundCaptures& bound) {
    const auto& q = inputs.q.view().shape;
    const std::int64_t value_dim = inputs.v.view().shape[3];
    Tensor out(inputs.dtype, {q[0], q[1], q[2], value_dim});
    Tensor lse, max_scores, sink;
    const bool summary = json_ || (!out_ && !lse_ && !max_scores_);
    if (lse_ || summary) lse = Tensor(f32, {q[0], q[1], q[2]});
    if (max_scores_) max_scores = Tensor(f32, {q[0], q[1], q[2]});
    if (sink_) sink = load_sink(*sink_, execution_.dtype.has_value());

    RunArguments arguments{.q = inputs.q.view(), .k = inputs.k.view(), .v = inputs.v.view(), .out = out.view(), .lse = lse.view(), .max_scores = max_scores.view(), .sink = sink.view(), .captures = bound.captures};
    arguments.scale = scale_.value;
    positions_.set(arguments);
    arguments.checked = checked_;
    arguments.threads = execution_.threads;
    arguments.split = split_;
    // A mask costs more than one call gains from it where the mods have bands, so the kernel gets one only where it is asked for.
    std::optional<BlockMask> mask;
    if (refine_text_ && refine_) {
      mask = take(kernel.block_mask(mask_shape(inputs), bound.captures));
      arguments.mask = &*mask;
    }
    double seconds = 0;
    {
      ProgressBar bar("attention");
      arguments.progress = bar.callback();
      const DeviceCall call(kernel, arguments);
      const auto start = std::chrono::steady_clock::now();
      take(kernel.run(call.arguments()));
      kernel_ = kernel.kernel_of(call.arguments());
      repacked_ = repacked_by(kernel_, call.arguments());
      call.wait();
      seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      call.fetch();
    }
    write_outputs(out, lse, max_scores);
    if (summary) print_summary(kernel, variant, inputs, bound, out, lse, max_scores, seconds);
  }

  MaskShape mask_shape(const AttentionInputs& inputs) const {
    const auto& q = inputs.q.view().shape;
    const auto& k = inputs.k.view().shape;
    MaskShape shape;
    shape.batch = q[0], shape.heads = q[1], shape.q_len = q[2], shape.kv_len = k[2], shape.kv_heads = k[1];
    positions_.set(shape);
    shape.block_q = block_.q, shape.block_kv = block_.kv;
    shape.refine = *refine_;
    return shape;
  }

  void write_outputs(const Tensor& out, const Tensor& lse, const Tensor& max_scores) const {
    OutputFiles files;
    if (out_) take(files.stage(*out_, npy_bytes(out.view())));
    if (lse_) take(files.stage(*lse_, npy_bytes(lse.view())));
    if (max_scores_) take(files.stage(*max_scores_, npy_bytes(max_scores.view())));
    take(files.commit());
  }

  void print_summary(const Kernel& kernel, const LoadedVariant& variant, const AttentionInputs& inputs, const BoundCaptures& bound, const Tensor& out, const Tensor& lse,
                     const Tensor& max_scores, double seconds) const {
    const auto& q = inputs.q.view().shape;
    const auto& k = inputs.k.view().shape;
    std::optional<BlockMask> mask;
    MaskReport report;
    if (refine_) mask = take(kernel.block_mask(mask_shape(inputs), bound.captures, &report));
    const std::string_view device = name_of(kernel.device());
    if (json_) {
      nlohmann::ordered_json json = {{"variant", variant.name}, {"device", device}, {"kernel", kernel_}, {"dtype", name_of(inputs.dtype)}};
      json["shape"] = {{"B", q[0]}, {"H", q[1]}, {"HKV", k[1]}, {"Q", q[2]}, {"KV", k[2]}, {"D", q[3]}, {"DV", inputs.v.view().shape[3]}};
      json["run_s"] = seconds;
      json["kept"] = nullptr;
      if (mask) {
        if (const auto kept = kept_share(*mask, report)) json["kept"] = *kept;
        const BlockMask::Counts counts = mask->counts();
        json["blocks"] = {{"empty", counts.empty}, {"partial", counts.partial}, {"full", counts.full}};
        json["block"] = {mask->block_q, mask->block_kv};
      }
      json["repacked"] = repacked_;
      json["out"] = json_of(out.view(), out_);
      json["lse"] = json_of(lse.view(), lse_);
      if (max_scores_) json["max_scores"] = json_of(max_scores.view(), max_scores_);
      print_result(json.dump() + "\n");
      return;
    }
    // The plain kernel is named where it stands in for the Hopper kernel.
    std::string text = fmt::format("{:<11}{}\n{:<11}{}{}, {}, {}\n", "variant", variant.name, "device", device, kernel_ == "simt" ? " (plain kernel)" : "", name_of(inputs.dtype), duration_text(seconds));
    text += fmt::format("{:<11}q {}, k {}, v {}\n", "shape", shape_text(q), shape_text(k), shape_text(inputs.v.view().shape));
    if (mask) {
      if (const auto kept = kept_share(*mask, report)) text += fmt::format("{:<11}{:.4g} % of the pairs\n", "kept", *kept * 100);
      const BlockMask::Counts counts = mask->counts();
      text += fmt::format("{:<11}{} empty, {} partial, {} full ({} x {})\n", "tiles", grouped(counts.empty), grouped(counts.partial), grouped(counts.full), mask->block_q, mask->block_kv);
    }
    if (!repacked_.empty()) text += fmt::format("{:<11}{}: TMA cannot describe them where they are\n", "repacked", fmt::join(repacked_, ", "));
    text += line_of("out", out.view()) + line_of("lse", lse.view());
    print_result(text);
  }

  VariantOptions variant_;
  BindingOptions bindings_;
  PositionOptions positions_;
  BlockOption block_;
  RandomOptions random_;
  ScaleOption scale_;
  ExecutionOptions execution_;
  std::optional<std::string> q_, k_, v_, sink_, refine_text_, split_text_;
  std::optional<std::string> out_, lse_, max_scores_;
  std::vector<std::string_view> repacked_;
  std::string_view kernel_;
  bool checked_ = false, json_ = false;
  std::int64_t split_ = 0;
  std::optional<MaskShape::Refine> refine_ = MaskShape::Refine::Default;  ///< nothing: off
};

}  // namespace

std::unique_ptr<Verb> add_run_verb(CLI::App& parent) { return std::make_unique<RunVerb>(parent); }

}  // namespace flexc::cli
