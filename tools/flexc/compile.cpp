// flexc compile: variants ahead of time, into one file that a host loads without a compiler.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "flexc/compile_bundle.h"
#include "flexc/io.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/output.h"
#include "tools/flexc/variant_source.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

/// What a variant is called that comes without a name: expressions, or standard input.
constexpr const char* kUnnamed = "variant";

std::vector<std::string> split(std::string_view option, const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    if (parts.back().empty()) usage_error(fmt::format("{} {}: expected names with single commas between them", option, list));
    begin = end + 1;
  }
  return parts;
}

class CompileVerb final : public Verb {
 public:
  explicit CompileVerb(CLI::App& parent) {
    app = add_verb(parent, "compile", "Compile variants ahead of time, into a bundle that loads without a compiler");
    add_operands(*app, "variants", variants_, "VARIANT", "Files, gallery entries, - for standard input");
    add_text(*app, "--score", score_, "EXPR", "A variant of expressions instead: its score");
    add_text(*app, "--mask", mask_, "EXPR", "A variant of expressions instead: its mask");
    add_texts(*app, "--const", consts_, "NAME=X", "Replace a const of the variants; may be repeated");
    add_required_text(*app, "--dtype", dtypes_, "D[,D]", "Types of q, k, v: f32, f16, bf16");
    add_required_text(*app, "--head-dim", head_dims_, "N[,N]", "Head dims");
    add_text(*app, "--features", features_, "NAME[,NAME]", "Outputs and inputs of calls: lse, max_scores, sink; steps for positions in other steps than 1 (default lse)");
    add_text(*app, "--device", device_, "cpu|cuda|all", "What hosts may run the kernels on (default all)");
    add_switch(*app, "--require-cuda", require_cuda_, "Fail where a dtype and head dim cannot have its CUDA kernel; without it, a warning. --device cuda always does");
    add_required_text(*app, "-o,--output", output_, "F.flexb", "The bundle; a C header F.h is written beside it");
    add_switch(*app, "--json", json_, "Describe what was written as JSON");
    add_footer(*app,
        "Both files appear whole or not at all. docs/aot.md shows the host's side.\n\n"
        "Examples:\n"
        "  flexc compile causal alibi my.flex --dtype f32,bf16 --head-dim 64,128 -o attention.flexb\n"
        "  flexc compile causal --dtype bf16 --head-dim 128 --device cuda -o causal.flexb\n"
        "  flexc compile --mask 'q_idx >= kv_idx' --dtype f32 --head-dim 64 -o causal.flexb --json");
  }

  int run() override {
    BundleOptions options = parse_options();
    const std::filesystem::path target = *output_;
    if (target.extension() != ".flexb") usage_error(fmt::format("-o {}: a bundle's name ends in .flexb", *output_));
    const std::filesystem::path header = std::filesystem::path(target).replace_extension(".h");
    options.file_stem = target.stem().string();
    std::vector<std::pair<std::string, std::string>> inputs;
    for (const std::string& name : variants_)
      if (name != "-" && !find_gallery_entry(name)) inputs.emplace_back("VARIANT", name);
    check_outputs(inputs, {{"-o", output_}, {"the C header", header.string()}});

    std::vector<BundleInput> bundled = load_variants();
    for (const BundleInput& input : bundled) print_diagnostics(input.variant.warnings());
    ProgressBar bar("compiling");
    options.progress = bar.callback();
    auto bundle = compile_bundle(bundled, options);
    if (!bundle) {
      if (bundle.error().diagnostics) throw VariantFailure(std::move(*bundle.error().diagnostics));
      throw Failure(std::move(bundle.error().error));
    }
    for (const std::string& warning : bundle->warnings) print_warning(warning);
    OutputFiles files;
    take(files.stage(target, bundle->bytes));
    take(files.stage(header, bundle->header));
    take(files.commit());
    report(bundled, *bundle, header.string());
    return kExitDone;
  }

 private:
  BundleOptions parse_options() const {
    BundleOptions options;
    options.dtypes.clear();
    for (const std::string& name : split("--dtype", *dtypes_)) options.dtypes.push_back(*parse_dtype(name));
    options.head_dims = parse_integers("--head-dim", *head_dims_, "N[,N]", 1, 64);
    if (features_) options.features = split("--features", *features_);
    const std::string device = device_.value_or("all");
    check_choice("--device", device, "cpu|cuda|all");
    options.for_cpu = device != "cuda", options.for_cuda = device != "cpu";
    if (require_cuda_ && !options.for_cuda) usage_error("--require-cuda and --device cpu contradict each other");
    options.require_cuda = require_cuda_;
    return options;
  }

  std::vector<BundleInput> load_variants() const {
    const bool expressions = score_ || mask_;
    if (variants_.empty() && !expressions) usage_error("expected at least one VARIANT, or --score and --mask");
    if (!variants_.empty() && expressions) usage_error("--score and --mask stand for a VARIANT, so they cannot be given beside one");
    std::vector<VariantOptions> sources(std::max<std::size_t>(variants_.size(), 1));
    std::vector<BundleInput> bundled;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      VariantOptions& source = sources[i];
      if (expressions) source.score = score_, source.mask = mask_;
      else source.variant = variants_[i];
      source.const_texts = consts_;
      source.check();
      const LoadedVariant loaded = load_variant(source);
      const bool unnamed = expressions || variants_[i] == "-";
      bundled.push_back({unnamed ? kUnnamed : loaded.entry ? loaded.name : std::filesystem::path(loaded.name).stem().string(), loaded.variant, loaded.entry ? loaded.name : ""});
    }
    return bundled;
  }

  void report(const std::vector<BundleInput>& bundled, const CompiledBundle& bundle, const std::string& header) const {
    if (!json_) {
      print_message(fmt::format("wrote {} ({} variant{}, {} cubin{}, {}) and {}", *output_, bundled.size(), bundled.size() == 1 ? "" : "s", bundle.cubins, bundle.cubins == 1 ? "" : "s",
                                byte_text(bundle.bytes.size()), header));
      return;
    }
    nlohmann::ordered_json json = {{"bundle", *output_}, {"header", header}, {"bytes", bundle.bytes.size()}, {"cubins", bundle.cubins}};
    json["variants"] = nlohmann::ordered_json::array();
    for (const BundleInput& input : bundled) json["variants"].push_back(input.name);
    print_result(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  std::vector<std::string> variants_, consts_;
  std::optional<std::string> score_, mask_, dtypes_, head_dims_, features_, device_, output_;
  bool require_cuda_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Verb> add_compile_verb(CLI::App& parent) { return std::make_unique<CompileVerb>(parent); }

}  // namespace flexc::cli
