// What both front-end targets do with a text: all stages, all the ways a caller may look at the result.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dsl/elaborate/elaborate.h"
#include "dsl/syntax/parse.h"
#include "dsl/syntax/resolve.h"
#include "flexc/dsl/normal_form.h"

namespace flexc::fuzz {

/// A property that must hold: a trap is what the fuzzer sees.
inline void require(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::optional<dsl::NormalForm> form;
  std::string rendered;
};

/// Parses (a file, or a score and a mask), resolves, elaborates and renders.
inline Outcome run_front_end(std::vector<Source> sources, bool expressions) {
  Diagnostics diagnostics;
  const auto program = expressions ? dsl::parse_expressions(sources[0], sources[1], diagnostics) : dsl::parse_file(sources[0], diagnostics);
  dsl::resolve(*program, diagnostics);
  dsl::ElaborateOptions options;
  options.assume_captures = true;
  Outcome outcome;
  outcome.form = dsl::elaborate(*program, options, diagnostics);
  outcome.rendered = diagnostics.render();
  (void)dsl::print_ast(*program);
  // Without a form there is an error to say why, and with an error there is no form.
  require(outcome.form.has_value() != diagnostics.has_errors());
  if (outcome.form) {
    for (const char c : outcome.form->text) require(c == '\n' || (c >= ' ' && c <= '~'));
    for (const auto* body : {&outcome.form->score, &outcome.form->mask}) {
      if (!*body) continue;
      require((*body)->result < (*body)->nodes.size());
      for (std::size_t i = 0; i < (*body)->nodes.size(); ++i)
        for (const dsl::NodeId operand : (*body)->nodes[i].operands) require(operand < i);
      (void)dsl::strict_cone(**body);
    }
  }
  return outcome;
}

}  // namespace flexc::fuzz
