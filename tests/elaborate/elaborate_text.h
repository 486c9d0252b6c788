// Helpers of these tests: a program's normal form as text, or the codes of its errors.
#pragma once

#include <string>

#include "dsl/elaborate/elaborate.h"
#include "dsl/syntax/parse.h"
#include "dsl/syntax/resolve.h"

namespace flexc::dsl {

struct Elaborated {
  std::optional<NormalForm> form;
  std::string codes;  ///< of errors and warnings, separated by blanks
  std::string text() const { return form ? form->text : codes; }
};

inline Elaborated elaborate_text(const std::string& source, const ElaborateOptions& options = {}) {
  Diagnostics diagnostics({{"test.flex", source}});
  const auto program = parse_file({"test.flex", source}, diagnostics);
  resolve(*program, diagnostics);
  Elaborated result;
  if (!diagnostics.has_errors()) result.form = elaborate(*program, options, diagnostics);
  for (const Diagnostic& entry : diagnostics.entries()) result.codes += (result.codes.empty() ? "" : " ") + std::string(entry.code);
  return result;
}

/// A score_mod with this body (one statement a line, indented by the caller with four blanks).
inline Elaborated elaborate_score(const std::string& body, const std::string& before = {}) {
  return elaborate_text(before + "def score_mod(score, b, h, q_idx, kv_idx):\n" + body);
}

}  // namespace flexc::dsl
