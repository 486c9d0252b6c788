// flexc emit: what a variant looks like at one stage of the pipeline.
#include <algorithm>

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

class EmitVerb final : public Verb {
 public:
  explicit EmitVerb(CLI::App& parent) {
    app = parent.add_subcommand("emit", "Print a stage of a variant's compilation");
    variant_.add_to(*app);
    add_text(*app, "--stage", stage_, std::string(kStages), "Which stage")->required();
    add_text(*app, "--dtype", dtype_text_, "f32|f16|bf16", "Type of q, k, v for the later stages (default f32)");
    add_text(*app, "--head-dim", head_dim_text_, "N", "Head dim for the later stages (default 64)");
    add_text(*app, "-o,--output", output_, "F", "Write to a file instead of standard output");
    add_switch(*app, "--json", json_, "Print as JSON");
    app->footer(
        "Examples:\n"
        "  flexc emit alibi --stage normal\n"
        "  flexc emit my.flex --stage ast -o my.ast");
  }

  int run() override {
    variant_.check();
    check_choice("--stage", *stage_, kStages);
    parse_dtype(dtype_text_);
    if (head_dim_text_ && parse_integer("--head-dim", *head_dim_text_) < 1) usage_error(fmt::format("--head-dim {}: must be at least 1", *head_dim_text_));
    std::vector<std::pair<std::string, std::string>> inputs;
    if (variant_.variant && *variant_.variant != "-" && !find_gallery_entry(*variant_.variant)) inputs.emplace_back("VARIANT", *variant_.variant);
    check_outputs(inputs, {{"-o", output_}});

    const LoadedVariant loaded = load_variant(variant_);
    print_diagnostics(loaded.variant.warnings());
    static constexpr std::string_view kMissing[] = {"cuda", "ptx", "cubin", "sass"};
    if (std::ranges::find(kMissing, *stage_) != std::end(kMissing))
      throw Failure(ErrorKind::Environment, fmt::format("--stage {}: this build lacks the CUDA back end; it emits ast, normal, ir, opt, tile, llvm and asm", *stage_));
    auto text = loaded.variant.emit(*stage_);
    if (!text) {
      if (text.error().diagnostics) throw VariantFailure(std::move(*text.error().diagnostics));
      throw Failure(std::move(text.error().error));
    }
    write(loaded, *text);
    return kExitDone;
  }

 private:
  void write(const LoadedVariant& loaded, std::string text) const {
    if (!text.ends_with('\n')) text += '\n';
    if (json_) {
      const std::array<std::uint64_t, 2> hash = loaded.variant.hash();
      const nlohmann::ordered_json json = {{"variant", loaded.name}, {"stage", *stage_}, {"hash", fmt::format("{:016x}{:016x}", hash[0], hash[1])}, {"text", text}};
      text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    if (!output_) {
      print_result(text);
      return;
    }
    OutputFiles files;
    take(files.stage(*output_, text));
    take(files.commit());
  }

  VariantOptions variant_;
  std::optional<std::string> stage_, dtype_text_, head_dim_text_, output_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> add_emit_verb(CLI::App& parent) { return std::make_unique<EmitVerb>(parent); }

}  // namespace flexc::cli
