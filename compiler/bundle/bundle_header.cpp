#include "compiler/bundle/bundle_header.h"

#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace flexc {
namespace {

/// In capitals, with _ for what C does not take.
std::string macro(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const bool lower = c >= 'a' && c <= 'z', kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    text += lower ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_';
  }
  return text.empty() || (text[0] >= '0' && text[0] <= '9') ? "_" + text : text;
}

std::string dims_text(const runtime::Signature& signature, const runtime::CaptureInfo& info) {
  std::string text;
  for (const runtime::Dim& dim : info.dims) {
    if (!text.empty()) text += ", ";
    if (dim.kind == runtime::Dim::Kind::Constant) text += std::to_string(dim.value);
    if (dim.kind == runtime::Dim::Kind::Symbol) text += runtime::kSymbolNames[static_cast<std::size_t>(dim.value)];
    if (dim.kind == runtime::Dim::Kind::Fresh) text += signature.fresh_dims[static_cast<std::size_t>(dim.value)];
  }
  return text;
}

std::string default_text(const runtime::ParamInfo& info) {
  if (info.default_integer) return fmt::format(", default {}", *info.default_integer);
  if (info.default_float) return fmt::format(", default {}", *info.default_float);
  return ", no default: every call gives it";
}

class Header {
 public:
  explicit Header(const std::string& stem) : prefix_(macro(stem)) {}

  void define(const std::string& name, std::string_view value, const std::string& comment) {
    const std::string full = prefix_ + name;
    if (!names_.insert(full).second) clash_ = full;
    text_ += fmt::format("#define {} \"{}\"{}\n", full, value, comment.empty() ? "" : fmt::format(" /* {} */", comment));
  }
  void line(const std::string& text) { text_ += text + "\n"; }

  const std::string& prefix() const { return prefix_; }
  const std::string& clash() const { return clash_; }
  std::string take() { return std::move(text_); }

 private:
  std::string prefix_, text_, clash_;
  std::set<std::string> names_;
};

}  // namespace

Result<std::string> bundle_header(const runtime::BundleContents& contents, const std::string& stem, const std::string& sha256) {
  Header header(stem);
  std::vector<std::string_view> dtypes;
  for (const DType dtype : contents.dtypes) dtypes.push_back(name_of(dtype));
  header.line(fmt::format("/* Names in {}.flexb, written by flexc {}. Dtypes: {}. Head dims: {}. Features: {}.", stem, contents.made_by, fmt::join(dtypes, ", "),
                          fmt::join(contents.head_dims, ", "), contents.features.empty() ? "none" : fmt::format("{}", fmt::join(contents.features, ", "))));
  header.line(" *   flexc_bundle* bundle = flexc_engine_load_bundle(engine, PATH, &error);");
  if (!contents.variants.empty())
    header.line(fmt::format(" *   flexc_kernel* kernel = flexc_bundle_kernel(bundle, {}_{}, &options, &error);", header.prefix(), macro(contents.variants.front().name)));
  header.line(" * Changes of shapes, params and captures need no other kernel. flexc/flexc_c.h says what each call takes. */");
  const std::string guard = fmt::format("FLEXC_BUNDLE_{}_H", header.prefix());
  header.line(fmt::format("#ifndef {0}\n#define {0}\n", guard));
  header.define("_SHA256", sha256, "of the bundle's bytes without their last 32, which are it");
  for (const runtime::BundledKernels& variant : contents.variants) {
    header.line("");
    const std::string name = "_" + macro(variant.name);
    const std::string mods = variant.has_score_mod && variant.has_mask_mod ? "score_mod and mask_mod" : variant.has_score_mod ? "score_mod" : variant.has_mask_mod ? "mask_mod" : "plain attention";
    header.define(name, variant.name, mods);
    for (const runtime::CaptureInfo& info : variant.signature.captures)
      header.define(fmt::format("{}_CAPTURE_{}", name, macro(info.name)), info.name, fmt::format("{}[{}]{}", name_of(info.dtype), dims_text(variant.signature, info), info.used ? "" : ", never read"));
    for (const runtime::ParamInfo& info : variant.signature.params)
      header.define(fmt::format("{}_PARAM_{}", name, macro(info.name)), info.name, fmt::format("{}{}", name_of(info.type), default_text(info)));
  }
  header.line(fmt::format("\n#endif /* {} */", guard));
  if (!header.clash().empty()) return std::unexpected(Error{ErrorKind::Usage, fmt::format("two names of the bundle become {} in its C header; rename one of them", header.clash())});
  return header.take();
}

}  // namespace flexc
