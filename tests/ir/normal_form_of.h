// The normal form of a .flex file or of a gallery entry, for tests.
#pragma once

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "dsl/elaborate/elaborate.h"
#include "dsl/syntax/parse.h"
#include "dsl/syntax/resolve.h"
#include "flexc/gallery.h"

namespace flexc {

inline std::optional<dsl::NormalForm> normal_form_of_text(const std::string& name, const std::string& text, std::string& error) {
  const Source source{name, text};
  Diagnostics diagnostics({source});
  const auto program = dsl::parse_file(source, diagnostics);
  dsl::resolve(*program, diagnostics);
  dsl::ElaborateOptions options;
  options.assume_captures = true;
  auto form = dsl::elaborate(*program, options, diagnostics);
  if (diagnostics.has_errors() || !form) {
    error = diagnostics.render();
    return std::nullopt;
  }
  return form;
}

inline std::optional<dsl::NormalForm> normal_form_of(const std::string& variant, std::string& error) {
  std::optional<std::string> text;
  if (const GalleryEntry* entry = find_gallery_entry(variant)) text = std::string(entry->text);
  if (!text) {
    std::ifstream file(variant);
    if (!file) {
      error = "neither a file nor a gallery entry: " + variant + "\n";
      return std::nullopt;
    }
    std::stringstream content;
    content << file.rdbuf();
    text = content.str();
  }
  return normal_form_of_text(variant, *text, error);
}

}  // namespace flexc
