// flexc bench: how fast a variant runs on inputs that anyone can draw again, and how long it takes to compile.
#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/flexc/bench_report.h"
#include "tools/flexc/call_options.h"
#include "tools/flexc/compile_time.h"
#include "tools/flexc/device_call.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/inputs.h"
#include "tools/flexc/machine_limits.h"
#include "tools/flexc/output.h"
#include "tools/flexc/peers.h"
#include "tools/flexc/saved_inputs.h"
#include "tools/flexc/temporary_folder.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

constexpr std::int64_t kDefaultRepeats = 20, kMostRepeats = 1'000'000;
constexpr int kCompileProcesses = 5;
/// Calls before the timed ones: caches, page tables and the threads are warm after a few, and clocks after a while.
constexpr int kMostWarmUps = 5;
constexpr double kWarmUpSeconds = 0.2;
/// Between flexc's calls and a peer's, so that threads which wait awake fall asleep first.
constexpr auto kPause = std::chrono::milliseconds(20);
/// Up to so many rows a call reads K and V rather than computes.
constexpr std::int64_t kDecodeRows = 16;

double seconds_since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

class BenchVerb final : public Verb {
 public:
  explicit BenchVerb(CLI::App& parent) {
    app = add_verb(parent, "bench", "Measure how fast a variant runs and compiles");
    variant_.add_to(*app);
    random_.add_to(*app, "Shape of q, k and v, which are drawn (and a gallery entry's captures)");
    bindings_.add_to(*app);
    scale_.add_to(*app);
    positions_.add_to(*app);
    execution_.add_to(*app, "Type of q, k and v (default f32)");
    add_text(*app, "--repeat", repeat_text_, "N", fmt::format("Timed calls, after a warm-up (default {})", kDefaultRepeats));
    add_text(*app, "--save", save_, "DIR", "Write q, k, v and the captures as files, and call.json, which says what they belong to");
    add_switch(*app, "--pin", pin_, "Keep each thread on a CPU of its own");
    add_text(*app, "--compare", compare_, "PYTHON", "Time PyTorch's FlexAttention and SDPA too, with this Python, call by call in turn");
    add_switch(*app, "--json", json_, "Print as JSON");
    add_footer(*app,
        "gflops counts 2 (D + DV) operations a kept pair, in every batch and query head: one multiplication and one addition an element in q.k and in p.v,\n"
        "nothing for the mods, the softmax and what is removed. Kept pairs are counted exactly, by mask_mod. It is taken from the median time.\n"
        "compile_s is the time from the text to loadable code in a fresh process with an empty cache, the compiler's libraries opened in it; process start\n"
        "apart: the median of five processes.\n"
        "On the CPU the machine's peak of f32 multiply-adds is measured before and after each call, and with up to 16 rows what it reads from memory.\n"
        "PyTorch's compilation, and both sides' block masks, are outside what is timed. PYTHON needs torch and NumPy; peers are there for noop, causal, alibi, sliding_window, prefix_lm, softcap and document.\n\n"
        "Examples:\n"
        "  flexc bench causal --random 1,8,8,4096,4096,64,64\n"
        "  flexc bench alibi --random 1,8,2,2048,2048,128,128 --dtype bf16 --threads 2 --repeat 50 --json\n"
        "  flexc bench document --random 1,4,4,1024,1024,64,64 --seed 7 --save inputs\n"
        "  flexc bench causal --random 1,8,8,4096,4096,64,64 --pin --compare python3");
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
    if (compile_times.size() == kCompileProcesses) report_.compile_s = compile_times[kCompileProcesses / 2];
    else print_warning("compile_s is not measured: a process for it could not be started, or ended early");
    if (save_) check_save_directory(*save_);

    const AttentionInputs inputs = random_attention(random_.extents, random_.seed.value, dtype());
    report_.variant = variant.name;
    report_.device = kernel->device();
    report_.dtype = dtype();
    std::ranges::copy(random_.extents, report_.shape.begin());
    report_.threads = threads();
    report_.kept_pairs = kept_pairs(*kernel, bound);
    report_.saved = save_;
    if (save_) save(*save_, variant, inputs, bound);
    std::optional<TemporaryFolder> shared;
    if (compare_ && kernel->device().kind != Device::Kind::Cpu) input_error(fmt::format("--compare: PyTorch is timed on the CPU, and this call is on {}", name_of(kernel->device())));
    if (compare_) {
      if (shared.emplace().path().empty()) throw Failure(ErrorKind::Environment, "--compare: no folder could be made for the inputs");
      save(shared->path(), variant, inputs, bound);
    }
    measure(*kernel, inputs, bound, shared ? shared->path() : "");
    if (json_) print_result(to_json(report_).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    else print_result(to_table(report_));
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
    positions_.check();
    if (repeat_text_) {
      repeats_ = parse_integer("--repeat", *repeat_text_);
      if (repeats_ < 1 || repeats_ > kMostRepeats) usage_error(fmt::format("--repeat {}: must lie between 1 and {}", repeats_, grouped(kMostRepeats)));
    }
    if (compare_ && compare_->empty()) usage_error("--compare: the Python's name is empty");
    if (save_ && save_->empty()) usage_error("--save: the directory's name is empty");
  }

  std::int64_t extent(std::size_t i) const { return random_.extents[i]; }
  DType dtype() const { return execution_.dtype.value_or(f32); }

  BoundCaptures bind(const LoadedVariant& variant) const {
    const GalleryProblem problem{extent(0), extent(1), extent(2), PositionOptions::total(positions_.q, extent(3)), PositionOptions::total(positions_.kv, extent(4)), variant_.consts};
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

  /// Of K and V.
  std::int64_t kv_bytes() const { return extent(0) * extent(2) * extent(4) * (extent(5) + extent(6)) * static_cast<std::int64_t>(size_of(dtype())); }

  MaskShape mask_shape() const {
    MaskShape shape;
    shape.batch = extent(0), shape.heads = extent(1), shape.kv_heads = extent(2), shape.q_len = extent(3), shape.kv_len = extent(4);
    positions_.set(shape);
    return shape;
  }

  /// Kept pairs of all batches and heads.
  std::int64_t kept_pairs(const Kernel& kernel, const BoundCaptures& bound) const {
    MaskShape shape = mask_shape();
    shape.refine = MaskShape::Refine::Exact;
    MaskReport report;
    const BlockMask mask = take(kernel.block_mask(shape, bound.captures, &report));
    if (report.kept_pairs < 0) throw Failure(ErrorKind::Internal, "an exact block mask without the number of kept pairs");
    return report.kept_pairs * (shape.batch / mask.batches) * (shape.heads / mask.heads);
  }

  void measure(const Kernel& kernel, const AttentionInputs& inputs, const BoundCaptures& bound, const std::string& shared) {
    const auto& q = inputs.q.view().shape;
    Tensor out(inputs.dtype, {q[0], q[1], q[2], inputs.v.view().shape[3]});
    RunArguments arguments{.q = inputs.q.view(), .k = inputs.k.view(), .v = inputs.v.view(), .out = out.view(), .captures = bound.captures};
    arguments.scale = scale_.value;
    positions_.set(arguments);
    arguments.threads = execution_.threads;
    const bool on_cpu = kernel.device().kind == Device::Kind::Cpu;
    // PyTorch's FlexAttention has its block mask too.
    std::optional<BlockMask> mask;
    if (on_cpu) {
      MaskReport built;
      mask = take(kernel.block_mask(mask_shape(), bound.captures, &built));
      arguments.mask = &*mask;
      report_.mask_build_s = built.build_s;
    }

    ProgressBar bar("calls");
    const auto draw = bar.callback();
    const double calls = static_cast<double>(repeats_ + 1);  // the warm-up is one of them
    std::int64_t finished = 0;
    // A call that takes long shows its own progress; where there is no terminal nothing is called.
    if (draw) arguments.progress = [&](double share) { draw((static_cast<double>(finished) + share) / calls); };
    const DeviceCall call(kernel, arguments);
    report_.kernel = std::string(kernel.kernel_of(call.arguments()));
    const auto timed = [&] {
      const auto start = std::chrono::steady_clock::now();
      take(kernel.run(call.arguments()));
      call.wait();
      return seconds_since(start);
    };
    double spent = timed();
    if (pin_ && on_cpu) report_.pinned = pin_threads();  // the call's threads exist now
    if (pin_ && !report_.pinned) print_warning("--pin: the threads could not be bound to CPUs");
    std::vector<std::unique_ptr<Peer>> peers = start_peers(shared, call, out);
    for (int i = 1; i < kMostWarmUps && spent < kWarmUpSeconds; ++i) spent += timed();
    double peak = on_cpu ? peak_gflops(report_.threads) : 0;
    std::optional<MachineReads> reads;
    if (on_cpu && extent(3) <= kDecodeRows) reads.emplace(report_.threads, kv_bytes());
    double read = reads ? reads->measure() : 0;
    while (finished < repeats_) {
      ++finished;
      if (draw) draw(static_cast<double>(finished) / calls);
      if (compare_) std::this_thread::sleep_for(kPause);
      const double seconds = timed();
      report_.seconds.add(seconds);
      if (const double before = read; reads) {
        read = reads->measure();
        const double beside = std::max(before, read);
        report_.read_bytes_per_s = std::max(report_.read_bytes_per_s, beside);
        if (beside > 0) report_.read_shares.add(report_.kv_bytes_per_s(seconds) / beside);
      }
      if (const double before = peak; on_cpu) {
        peak = peak_gflops(report_.threads);
        const double beside = std::max(before, peak);
        report_.peak_gflops = std::max(report_.peak_gflops, beside);
        if (beside > 0) report_.peak_shares.add(report_.gflops(seconds) / beside);
      }
      for (std::size_t i = 0; i < peers.size(); ++i) {
        std::this_thread::sleep_for(kPause);
        if (const auto theirs = peers[i]->run()) report_.peers[i].seconds.add(*theirs);
        report_.peers[i].unavailable = peers[i]->unavailable();
      }
    }
  }

  /// The peers of --compare, ready to run, after each has shown how far its output is from flexc's.
  std::vector<std::unique_ptr<Peer>> start_peers(const std::string& folder, const DeviceCall& call, const Tensor& out) {
    std::vector<std::unique_ptr<Peer>> peers;
    if (!compare_) return peers;
    call.fetch();
    save_inputs(folder + "/out", {{"out", out.view()}}, "{}\n");
    const std::string file = folder + "/out/out.npy";
    for (const char* name : {"flex_attention", "sdpa"}) {
      Peer& peer = *peers.emplace_back(std::make_unique<Peer>(*compare_, folder, name, report_.threads));
      PeerReport entry;
      entry.name = peer.name();
      entry.version = peer.version();
      entry.first_call_s = peer.first_call_s();
      if (const auto difference = peer.relative_difference(file)) entry.relative_difference = *difference;
      entry.unavailable = peer.unavailable();
      report_.peers.push_back(entry);
    }
    return peers;
  }

  void save(const std::string& folder, const LoadedVariant& variant, const AttentionInputs& inputs, const BoundCaptures& bound) const {
    std::vector<SavedTensor> tensors{{"q", inputs.q.view()}, {"k", inputs.k.view()}, {"v", inputs.v.view()}};
    for (const auto& [name, tensor] : bound.captures.tensors()) tensors.push_back({name, tensor, true});
    nlohmann::ordered_json call = {{"variant", variant.name}, {"dtype", name_of(dtype())}, {"shape", shape_json()}, {"seed", random_.seed.value}};
    if (scale_.value) call["scale"] = *scale_.value;
    call["q_offset"] = positions_.q.offset;
    call["kv_offset"] = positions_.kv.offset;
    call["q_step"] = positions_.q.step;
    call["kv_step"] = positions_.kv.step;
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
    save_inputs(folder, tensors, call.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  nlohmann::ordered_json shape_json() const {
    return {{"B", extent(0)}, {"H", extent(1)}, {"HKV", extent(2)}, {"Q", extent(3)}, {"KV", extent(4)}, {"D", extent(5)}, {"DV", extent(6)}};
  }

  int threads() const { return execution_.threads ? execution_.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

  VariantOptions variant_;
  RandomOptions random_;
  BindingOptions bindings_;
  ScaleOption scale_;
  PositionOptions positions_;
  ExecutionOptions execution_;
  std::optional<std::string> repeat_text_, save_, compare_;
  bool json_ = false, pin_ = false;
  std::int64_t repeats_ = kDefaultRepeats;
  BenchReport report_;
};

}  // namespace

std::unique_ptr<Verb> add_bench_verb(CLI::App& parent) { return std::make_unique<BenchVerb>(parent); }

}  // namespace flexc::cli
