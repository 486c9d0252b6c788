// flexc bench: how fast a variant runs on inputs that anyone can draw again, and how long it takes to compile.
#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/flexc/call_options.h"
#include "tools/flexc/compile_time.h"
#include "tools/flexc/device_call.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/inputs.h"
#include "tools/flexc/output.h"
#include "tools/flexc/saved_inputs.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

constexpr std::int64_t kDefaultRepeats = 20, kMostRepeats = 1'000'000;
constexpr int kCompileProcesses = 5;
/// Calls before the timed ones: caches, page tables and the threads are warm after a few, and clocks after a while.
constexpr int kMostWarmUps = 5;
constexpr double kWarmUpSeconds = 0.2;
constexpr double kGiga = 1e9;

double seconds_since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

/// The value below which `share` of the sorted `times` lies, interpolated.
double quantile(const std::vector<double>& times, double share) {
  const double place = share * static_cast<double>(times.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, times.size() - 1);
  return times[below] + (place - static_cast<double>(below)) * (times[above] - times[below]);
}

class BenchVerb final : public Verb {
 public:
  explicit BenchVerb(CLI::App& parent) {
    app = parent.add_subcommand("bench", "Measure how fast a variant runs and compiles");
    variant_.add_to(*app);
    random_.add_to(*app, "Shape of q, k and v, which are drawn (and a gallery entry's captures)");
    bindings_.add_to(*app);
    scale_.add_to(*app);
    add_text(*app, "--q-offset", q_offset_text_, "N", "Position of the first query (default 0)");
    add_text(*app, "--kv-offset", kv_offset_text_, "N", "Position of the first key (default 0)");
    execution_.add_to(*app, "Type of q, k and v (default f32)");
    add_text(*app, "--repeat", repeat_text_, "N", fmt::format("Timed calls, after a warm-up (default {})", kDefaultRepeats));
    add_text(*app, "--save", save_, "DIR", "Write q, k, v and the captures as files, and call.json, which says what they belong to");
    add_switch(*app, "--json", json_, "Print as JSON");
    app->footer(
        "gflops counts 2 (D + DV) operations a kept pair, in every batch and query head: one multiplication and one addition an element in q.k and in p.v,\n"
        "nothing for the mods, the softmax and what is removed. Kept pairs are counted exactly, by mask_mod. It is taken from the median time.\n"
        "compile_s is the time from the text to loadable code in a fresh process with an empty cache, the compiler's libraries opened in it; process start\n"
        "apart: the median of five processes.\n\n"
        "Examples:\n"
        "  flexc bench causal --random 1,8,8,4096,4096,64,64\n"
        "  flexc bench alibi --random 1,8,2,2048,2048,128,128 --dtype bf16 --threads 2 --repeat 50 --json\n"
        "  flexc bench document --random 1,4,4,1024,1024,64,64 --seed 7 --save inputs");
  }

  int run() override {
    check_usage();
    const VariantText text = read_variant(variant_);
    // First of all, while nothing is loaded.
    const std::vector<double> compile_times = cold_compile_seconds(kCompileProcesses, [&] { return compile_once(text); });

    const LoadedVariant variant = parse_variant(text, variant_);
    print_diagnostics(variant.variant.warnings());
    check_names(variant.variant, bindings_);
    for (const auto& [i, name] : {std::pair(0, "B"), std::pair(1, "H"), std::pair(2, "HKV")})
      if (extent(static_cast<std::size_t>(i)) < 1) input_error(fmt::format("--random {}: {} is 0; it must be at least 1", *random_.text, name));
    const BoundCaptures bound = bind(variant);
    const std::shared_ptr<const Kernel> kernel = cli::compile(variant.variant, compile_options(bound));
    if (compile_times.size() == kCompileProcesses) compile_s_ = compile_times[kCompileProcesses / 2];
    else print_warning("compile_s is not measured: a process for it could not be started, or ended early");
    if (save_) check_save_directory(*save_);

    const AttentionInputs inputs = random_attention(random_.extents, random_.seed.value, dtype());
    const std::int64_t kept = kept_pairs(*kernel, bound);
    if (save_) save(variant, inputs, bound);
    measure(*kernel, inputs, bound);
    if (json_) print_json(*kernel, variant.name, kept);
    else print_table(*kernel, variant.name, kept);
    return kExitDone;
  }

 private:
  void check_usage() {
    variant_.check();
    bindings_.check();
    if (!random_.text) usage_error("no inputs: give --random " + std::string(RandomOptions::kForm));
    random_.check();
    scale_.check();
    execution_.check();
    if (q_offset_text_) q_offset_ = parse_integer("--q-offset", *q_offset_text_);
    if (kv_offset_text_) kv_offset_ = parse_integer("--kv-offset", *kv_offset_text_);
    if (repeat_text_) {
      repeats_ = parse_integer("--repeat", *repeat_text_);
      if (repeats_ < 1 || repeats_ > kMostRepeats) usage_error(fmt::format("--repeat {}: must lie between 1 and {}", repeats_, grouped(kMostRepeats)));
    }
    if (save_ && save_->empty()) usage_error("--save: the directory's name is empty");
  }

  std::int64_t extent(std::size_t i) const { return random_.extents[i]; }
  DType dtype() const { return execution_.dtype.value_or(f32); }
  static std::int64_t total(std::int64_t offset, std::int64_t length) {
    std::int64_t end = 0;
    return __builtin_add_overflow(offset, length, &end) || end < 0 ? length : end;
  }

  BoundCaptures bind(const LoadedVariant& variant) const {
    const GalleryProblem problem{extent(0), extent(1), extent(2), total(q_offset_, extent(3)), total(kv_offset_, extent(4)), variant_.consts};
    return bind_captures(variant, bindings_, &problem, random_.seed.value);
  }

  CompileOptions compile_options(const BoundCaptures& bound) const {
    CompileOptions options;
    options.dtype = dtype();
    options.head_dim = extent(5);
    options.value_dim = extent(6);
    options.device = execution_.device;
    options.captures = bound.types;
    if (options.head_dim < 1 || options.value_dim < 1) input_error(fmt::format("D = {} and DV = {}: both head dims must be at least 1", options.head_dim, options.value_dim));
    return options;
  }

  /// Seconds from the text to a kernel; reading captures, which only undeclared ones need for their types, is no part of it.
  double compile_once(const VariantText& text) const {
    auto start = std::chrono::steady_clock::now();
    const LoadedVariant variant = parse_variant(text, variant_);
    double seconds = seconds_since(start);
    const bool untyped = std::ranges::any_of(variant.variant.captures(), [](const Variant::Capture& capture) { return !capture.declared; });
    const CompileOptions options = compile_options(untyped ? bind(variant) : BoundCaptures{});
    start = std::chrono::steady_clock::now();
    const auto kernel = cli::compile(variant.variant, options);
    seconds += seconds_since(start);
    return seconds;
  }

  /// Kept pairs of all batches and heads.
  std::int64_t kept_pairs(const Kernel& kernel, const BoundCaptures& bound) const {
    MaskShape shape;
    shape.batch = extent(0), shape.heads = extent(1), shape.kv_heads = extent(2), shape.q_len = extent(3), shape.kv_len = extent(4);
    shape.q_offset = q_offset_, shape.kv_offset = kv_offset_;
    shape.refine = MaskShape::Refine::Exact;
    MaskReport report;
    const BlockMask mask = take(kernel.block_mask(shape, bound.captures, &report));
    if (report.kept_pairs < 0) throw Failure(ErrorKind::Internal, "an exact block mask without the number of kept pairs");
    return report.kept_pairs * (shape.batch / mask.batches) * (shape.heads / mask.heads);
  }

  void measure(const Kernel& kernel, const AttentionInputs& inputs, const BoundCaptures& bound) {
    const auto& q = inputs.q.view().shape;
    Tensor out(inputs.dtype, {q[0], q[1], q[2], inputs.v.view().shape[3]});
    RunArguments arguments{.q = inputs.q.view(), .k = inputs.k.view(), .v = inputs.v.view(), .out = out.view(), .captures = bound.captures};
    arguments.scale = scale_.value;
    arguments.q_offset = q_offset_;
    arguments.kv_offset = kv_offset_;
    arguments.threads = execution_.threads;

    ProgressBar bar("calls");
    const auto draw = bar.callback();
    const double calls = static_cast<double>(repeats_ + 1);  // the warm-up is one of them
    std::int64_t finished = 0;
    // A call that takes long shows its own progress; where there is no terminal nothing is called.
    if (draw) arguments.progress = [&](double share) { draw((static_cast<double>(finished) + share) / calls); };
    const DeviceCall call(kernel, arguments);
    const auto timed = [&] {
      const auto start = std::chrono::steady_clock::now();
      take(kernel.run(call.arguments()));
      call.wait();
      return seconds_since(start);
    };
    double spent = 0;
    for (int i = 0; i < kMostWarmUps && spent < kWarmUpSeconds; ++i) spent += timed();
    while (finished < repeats_) {
      ++finished;
      if (draw) draw(static_cast<double>(finished) / calls);
      times_.push_back(timed());
    }
    std::ranges::sort(times_);
  }

  void save(const LoadedVariant& variant, const AttentionInputs& inputs, const BoundCaptures& bound) const {
    std::vector<SavedTensor> tensors{{"q", inputs.q.view()}, {"k", inputs.k.view()}, {"v", inputs.v.view()}};
    for (const auto& [name, tensor] : bound.captures.tensors()) tensors.push_back({name, tensor, true});
    nlohmann::ordered_json call = {{"variant", variant.name}, {"dtype", name_of(dtype())}, {"shape", shape_json()}, {"seed", random_.seed.value}};
    if (scale_.value) call["scale"] = *scale_.value;
    call["q_offset"] = q_offset_;
    call["kv_offset"] = kv_offset_;
    call["params"] = nlohmann::ordered_json::object();
    for (const auto& [name, value] : bindings_.params) {
      if (value.is_real) call["params"][name] = value.real;
      else call["params"][name] = value.integer;
    }
    call["consts"] = variant_.consts;
    for (const SavedTensor& tensor : tensors) {
      nlohmann::ordered_json& files = tensor.capture ? call["captures"] : call["inputs"];
      files[tensor.name] = saved_name(tensor);
    }
    save_inputs(*save_, tensors, call.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  nlohmann::ordered_json shape_json() const {
    return {{"B", extent(0)}, {"H", extent(1)}, {"HKV", extent(2)}, {"Q", extent(3)}, {"KV", extent(4)}, {"D", extent(5)}, {"DV", extent(6)}};
  }

  double gflops(std::int64_t kept, double seconds) const {
    return seconds > 0 ? 2.0 * static_cast<double>(extent(5) + extent(6)) * static_cast<double>(kept) / seconds / kGiga : 0;
  }

  int threads() const { return execution_.threads ? execution_.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

  void print_json(const Kernel& kernel, const std::string& name, std::int64_t kept) const {
    const double median = quantile(times_, 0.5);
    nlohmann::ordered_json json = {{"variant", name}, {"device", name_of(kernel.device())}, {"dtype", name_of(dtype())}, {"shape", shape_json()}};
    json["median_s"] = median;
    json["min_s"] = times_.front();
    json["gflops"] = gflops(kept, median);
    json["compile_s"] = nullptr;
    if (compile_s_) json["compile_s"] = *compile_s_;
    json["max_s"] = times_.back();
    json["quartiles_s"] = {quantile(times_, 0.25), quantile(times_, 0.75)};
    json["repeat"] = repeats_;
    json["threads"] = threads();
    json["kept_pairs"] = kept;
    print_result(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  void print_table(const Kernel& kernel, const std::string& name, std::int64_t kept) const {
    const double median = quantile(times_, 0.5), low = quantile(times_, 0.25), high = quantile(times_, 0.75);
    const double pairs = static_cast<double>(extent(0)) * static_cast<double>(extent(1)) * static_cast<double>(extent(3)) * static_cast<double>(extent(4));
    const auto line = [](std::string_view label, const std::string& text) { return fmt::format("{:<9}{}\n", label, text); };
    std::string text = line("variant", name);
    text += line("device", fmt::format("{}, {}, {} thread{}", name_of(kernel.device()), name_of(dtype()), threads(), threads() == 1 ? "" : "s"));
    text += line("shape", fmt::format("B {}, H {}, HKV {}, Q {}, KV {}, D {}, DV {}", extent(0), extent(1), extent(2), extent(3), extent(4), extent(5), extent(6)));
    text += line("kept", fmt::format("{} pairs{}", grouped(kept), pairs > 0 ? fmt::format(", {:.4g} %", 100 * static_cast<double>(kept) / pairs) : ""));
    if (save_) text += line("inputs", *save_);
    text += fmt::format("\n{:<9}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "", "median", "least", "1st qu.", "3rd qu.", "most");
    text += fmt::format("{:<9}{:>10}{:>10}{:>10}{:>10}{:>10}   {} call{}\n", "time", duration_text(median), duration_text(times_.front()), duration_text(low), duration_text(high),
                        duration_text(times_.back()), grouped(repeats_), repeats_ == 1 ? "" : "s");
    const auto rate = [&](double seconds) { return fmt::format("{:.4g}", gflops(kept, seconds)); };
    text += fmt::format("{:<9}{:>10}{:>10}{:>10}{:>10}{:>10}   over kept pairs\n", "GFLOP/s", rate(median), rate(times_.front()), rate(low), rate(high), rate(times_.back()));
    text += fmt::format("{:<9}{:>10}{:<40}   from the text, in a fresh process\n", "compile", compile_s_ ? duration_text(*compile_s_) : "unknown", "");
    print_result(text);
  }

  VariantOptions variant_;
  RandomOptions random_;
  BindingOptions bindings_;
  ScaleOption scale_;
  ExecutionOptions execution_;
  std::optional<std::string> q_offset_text_, kv_offset_text_, repeat_text_, save_;
  bool json_ = false;
  std::int64_t q_offset_ = 0, kv_offset_ = 0, repeats_ = kDefaultRepeats;
  std::optional<double> compile_s_;
  std::vector<double> times_;  ///< sorted
};

}  // namespace

std::unique_ptr<Verb> add_bench_verb(CLI::App& parent) { return std::make_unique<BenchVerb>(parent); }

}  // namespace flexc::cli
