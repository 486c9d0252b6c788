// flexc check: everything that can be said about a variant without tensors.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "tools/flexc/failure.h"
#include "tools/flexc/output.h"
#include "tools/flexc/variant_source.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

nlohmann::ordered_json json_of(const Diagnostics& diagnostics) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Diagnostic& entry : diagnostics.entries()) {
    const Location at = diagnostics.locate(entry.span);
    const std::string file = entry.span.source < diagnostics.sources().size() ? diagnostics.sources()[entry.span.source].name : "";
    list.push_back({{"severity", entry.severity == Severity::Error ? "error" : "warning"}, {"code", entry.code}, {"file", file}, {"line", at.line}, {"column", at.column}, {"message", entry.message}});
  }
  return list;
}

std::string text_of(const Variant::Capture& capture) {
  if (!capture.declared) return fmt::format("{} (undeclared, {} {})", capture.name, capture.dims.size(), capture.dims.size() == 1 ? "index" : "indices");
  return fmt::format("{}: {}[{}]{}", capture.name, name_of(capture.dtype), fmt::join(capture.dims, ", "), capture.used ? "" : " (unused)");
}

class CheckVerb final : public Verb {
 public:
  explicit CheckVerb(CLI::App& parent) {
    app = add_verb(parent, "check", "Check a variant's text: syntax, names, types, limits");
    variant_.add_to(*app);
    add_switch(*app, "--list-codes", list_codes_, "Print every diagnostic code instead");
    add_switch(*app, "--json", json_, "Print what the variant has, and all diagnostics, as JSON");
    add_footer(*app,
        "Diagnostics go to standard error; exit 1 if there are errors.\n\n"
        "Examples:\n"
        "  flexc check my.flex\n"
        "  flexc check --mask 'q_idx >= kv_idx & q_idx - kv_idx < 64'\n"
        "  flexc check my.flex --const WIDTH=16 --json");
  }

  int run() override {
    if (list_codes_) return list_codes();
    variant_.check();
    try {
      const LoadedVariant loaded = load_variant(variant_);
      const Diagnostics diagnostics = loaded.variant.check();
      if (diagnostics.has_errors()) throw VariantFailure(diagnostics);
      print_diagnostics(diagnostics);
      describe(loaded, diagnostics);
    } catch (const VariantFailure& failure) {
      if (!json_) throw;
      print_diagnostics(failure.diagnostics());
      const nlohmann::ordered_json json = {{"ok", false}, {"diagnostics", json_of(failure.diagnostics())}};
      print_result(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
      return kExitInput;
    }
    return kExitDone;
  }

 private:
  int list_codes() const {
    if (variant_.variant || variant_.score || variant_.mask || !variant_.const_texts.empty()) usage_error("--list-codes stands alone");
    if (json_) {
      print_result(nlohmann::ordered_json(diagnostic_codes()).dump() + "\n");
      return kExitDone;
    }
    std::string text;
    for (const std::string_view code : diagnostic_codes()) text += fmt::format("{}\n", code);
    print_result(text);
    return kExitDone;
  }

  void describe(const LoadedVariant& loaded, const Diagnostics& diagnostics) const {
    const Variant& variant = loaded.variant;
    const std::array<std::uint64_t, 2> hash = variant.hash();
    const std::string identity = fmt::format("{:016x}{:016x}", hash[0], hash[1]);
    if (json_) {
      nlohmann::ordered_json json = {{"ok", true}, {"variant", loaded.name}, {"score_mod", variant.has_score_mod()}, {"mask_mod", variant.has_mask_mod()}};
      json["captures"] = nlohmann::ordered_json::array();
      for (const Variant::Capture& capture : variant.captures())
        json["captures"].push_back({{"name", capture.name}, {"dtype", name_of(capture.dtype)}, {"dims", capture.dims}, {"declared", capture.declared}, {"used", capture.used}});
      json["params"] = nlohmann::ordered_json::array();
      for (const Variant::Param& param : variant.params())
        json["params"].push_back({{"name", param.name}, {"dtype", name_of(param.dtype)}, {"has_default", param.has_default}});
      json["hash"] = identity;
      json["diagnostics"] = json_of(diagnostics);
      print_result(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
      return;
    }
    std::string text = fmt::format("{}: ok; {}", loaded.name,
                                   variant.has_score_mod() && variant.has_mask_mod() ? "score_mod and mask_mod" : variant.has_score_mod() ? "score_mod" : variant.has_mask_mod() ? "mask_mod" : "no mod");
    for (const Variant::Capture& capture : variant.captures()) text += "; tensor " + text_of(capture);
    for (const Variant::Param& param : variant.params()) text += fmt::format("; param {}: {}{}", param.name, name_of(param.dtype), param.has_default ? "" : " (no default)");
    print_result(text + "\n");
  }

  VariantOptions variant_;
  bool list_codes_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Verb> add_check_verb(CLI::App& parent) { return std::make_unique<CheckVerb>(parent); }

}  // namespace flexc::cli
