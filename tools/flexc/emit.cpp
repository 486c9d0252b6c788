// flexc emit: what a variant looks like at one stage of the pipeline.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "flexc/io.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/output.h"
#include "tools/flexc/variant_source.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

constexpr std::string_view kStages = "ast|normal|ir|opt|tile|cuda|ptx|cubin|sass|llvm|asm";

constexpr std::string_view kKernels = "auto|hopper|simt";
constexpr std::string_view kKernelStages[] = {"cuda", "ptx", "cubin", "sass"};

/// "sm_80", "sm_90a", "sm_120".
bool is_architecture(std::string_view text) {
  constexpr int kLeast = 80, kMostDigits = 3;
  if (!text.starts_with("sm_")) return false;
  text.remove_prefix(3);
  if (text.ends_with('a')) text.remove_suffix(1);
  if (text.empty() || text.size() > kMostDigits || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return false;
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number >= kLeast;
}

double seconds_since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

class EmitVerb final : public Verb {
 public:
  explicit EmitVerb(CLI::App& parent) {
    app = add_verb(parent, "emit", "Print a stage of a variant's compilation");
    variant_.add_to(*app);
    add_required_text(*app, "--stage", stage_, std::string(kStages), "Which stage");
    add_text(*app, "--dtype", dtype_text_, "f32|f16|bf16", "Type of q, k, v for the stages from cuda to sass: f32, f16 or bf16 (default bf16)");
    add_text(*app, "--head-dim", head_dim_text_, "N", "Head dim for the stages from cuda to sass (default 64)");
    add_text(*app, "--value-dim", value_dim_text_, "N", "Head dim of the values (default: as the keys')");
    add_text(*app, "--kernel", kernel_text_, std::string(kKernels), "Which CUDA template: hopper (sm_90a), simt (the plain one, sm_80 and up), or auto: hopper where it takes dtype and head dims (default)");
    add_switch(*app, "--steps", in_steps_, "The Hopper kernel for positions in other steps than 1 (run --q-step, --kv-step)");
    add_text(*app, "--arch", arch_, "sm_N", "Which GPU the plain kernel is for (default sm_80)");
    add_text(*app, "-o,--output", output_, "F", "Write to a file instead of standard output");
    add_switch(*app, "--json", json_, "Print as JSON");
    add_footer(*app,
        "Examples:\n"
        "  flexc emit alibi --stage normal\n"
        "  flexc emit my.flex --stage ast -o my.ast\n"
        "  flexc emit causal --stage cubin --dtype bf16 --head-dim 128 -o causal.cubin --json");
  }

  int run() override {
    variant_.check();
    check_choice("--stage", *stage_, kStages);
    const std::optional<DType> dtype = parse_dtype(dtype_text_);
    const std::int64_t head_dim = head_dim_text_ ? parse_integer("--head-dim", *head_dim_text_) : 64;
    if (head_dim < 1) usage_error(fmt::format("--head-dim {}: must be at least 1", *head_dim_text_));
    const std::int64_t value_dim = value_dim_text_ ? parse_integer("--value-dim", *value_dim_text_) : head_dim;
    if (value_dim < 1) usage_error(fmt::format("--value-dim {}: must be at least 1", *value_dim_text_));
    if (kernel_text_) check_choice("--kernel", *kernel_text_, kKernels);
    const CudaKernelChoice choice = kernel_text_ == "hopper" ? CudaKernelChoice::Hopper : kernel_text_ == "simt" ? CudaKernelChoice::Simt : CudaKernelChoice::Auto;
    if (arch_ && !is_architecture(*arch_)) usage_error(fmt::format("--arch {}: must be sm_80 or later, as in sm_90", *arch_));
    std::vector<std::pair<std::string, std::string>> inputs;
    if (variant_.variant && *variant_.variant != "-" && !find_gallery_entry(*variant_.variant)) inputs.emplace_back("VARIANT", *variant_.variant);
    check_outputs(inputs, {{"-o", output_}});
    if (*stage_ == "cubin" && !json_ && !output_ && ::isatty(STDOUT_FILENO) != 0)
      usage_error("a cubin is bytes, and standard output is a terminal: give -o FILE, or --json for what is known of it");

    const auto start = std::chrono::steady_clock::now();
    const LoadedVariant loaded = load_variant(variant_);
    print_diagnostics(loaded.variant.warnings());
    if (std::ranges::find(kKernelStages, *stage_) != std::end(kKernelStages)) {
      const bool is_gallery = variant_.variant && find_gallery_entry(*variant_.variant);
      auto kernel = loaded.variant.emit_kernel(*stage_, {.dtype = dtype.value_or(bf16), .head_dim = head_dim, .value_dim = value_dim, .kernel = choice, .architecture = arch_.value_or(""), .in_steps = in_steps_, .in_child = true, .gallery_name = is_gallery ? *variant_.variant : "",
                                                             .on_warning = [](std::string_view text) { print_warning(text); }});
      if (!kernel) fail(std::move(kernel.error()));
      write_kernel(loaded, *kernel, seconds_since(start));
      return kExitDone;
    }
    auto text = loaded.variant.emit(*stage_);
    if (!text) fail(std::move(text.error()));
    write(loaded, *text);
    return kExitDone;
  }

 private:
  [[noreturn]] static void fail(CompileError error) {
    if (error.diagnostics) throw VariantFailure(std::move(*error.diagnostics));
    throw Failure(std::move(error.error));
  }

  nlohmann::ordered_json describe(const LoadedVariant& loaded) const {
    const std::array<std::uint64_t, 2> hash = loaded.variant.hash();
    return {{"variant", loaded.name}, {"stage", *stage_}, {"hash", fmt::format("{:016x}{:016x}", hash[0], hash[1])}};
  }

  static std::string print(const nlohmann::ordered_json& json) { return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"; }

  void write(const LoadedVariant& loaded, std::string text) const {
    if (!text.ends_with('\n')) text += '\n';
    if (json_) {
      nlohmann::ordered_json json = describe(loaded);
      json["text"] = text;
      text = print(json);
    }
    deliver(text);
  }

  /// A cubin is bytes, so with --json it goes to the file alone.
  void write_kernel(const LoadedVariant& loaded, const EmittedKernel& kernel, double compile_s) const {
    if (*stage_ == "cuda" || (!json_ && *stage_ != "cubin")) return write(loaded, kernel.bytes);
    if (!json_) return deliver(kernel.bytes);
    nlohmann::ordered_json json = describe(loaded);
    json.update({{"cache", name_of(kernel.origin)}, {"compile_s", compile_s}, {"registers", kernel.registers}, {"spill_bytes", kernel.spill_bytes}, {"smem_bytes", kernel.smem_bytes}});
    if (*stage_ != "cubin") {
      json["text"] = kernel.bytes;
      return deliver(print(json));
    }
    if (output_) deliver(kernel.bytes);
    print_result(print(json));
  }

  void deliver(const std::string& text) const {
    if (!output_) {
      print_result(text);
      return;
    }
    OutputFiles files;
    take(files.stage(*output_, text));
    take(files.commit());
  }

  VariantOptions variant_;
  std::optional<std::string> stage_, dtype_text_, head_dim_text_, value_dim_text_, kernel_text_, arch_, output_;
  bool in_steps_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Verb> add_emit_verb(CLI::App& parent) { return std::make_unique<EmitVerb>(parent); }

}  // namespace flexc::cli
