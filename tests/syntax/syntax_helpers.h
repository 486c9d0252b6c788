// Short forms for tests of the front end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dsl/syntax/parse.h"
#include "dsl/syntax/resolve.h"

namespace flexc::dsl::testing {

struct Parsed {
  Diagnostics diagnostics;
  std::unique_ptr<Program> program;
};

inline Parsed parse(std::string text, bool with_names = true) {
  Parsed parsed;
  parsed.program = parse_file({"t.flex", std::move(text)}, parsed.diagnostics);
  if (with_names) resolve(*parsed.program, parsed.diagnostics);
  return parsed;
}

/// "LINE:COLUMN code" of every error and warning, in the order of the text.
inline std::vector<std::string> faults(const std::string& text) {
  const Parsed parsed = parse(text);
  std::vector<std::string> list;
  std::string rendered = parsed.diagnostics.render();
  for (std::size_t at = 0; at < rendered.size();) {
    const std::size_t end = rendered.find('\n', at);
    const std::string line = rendered.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with("t.flex:") || (line.find(": error: ") == std::string::npos && line.find(": warning: ") == std::string::npos)) continue;
    const std::size_t place = line.find(": ");
    const std::size_t code = line.rfind('[');
    list.push_back(line.substr(7, place - 7) + " " + line.substr(code + 1, line.size() - code - 2));
  }
  return list;
}

/// The tree of one expression on a single line, blanks for indentation taken away: "(binary + (integer 1) (integer 2))".
inline std::string tree(const std::string& expression) {
  Diagnostics diagnostics;
  const auto program = parse_expressions({"<score>", expression}, {}, diagnostics);
  if (diagnostics.has_errors()) return diagnostics.render();
  const std::string text = print_ast(*program);
  std::string out;
  int depth = -1;
  for (std::size_t at = text.find("return\n") + 7; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::size_t word = text.find_first_not_of(' ', at);
    const int level = static_cast<int>(word - at) / 2;
    if (depth >= 0) {
      for (; depth >= level; --depth) out += ")";
      out += " ";
    }
    depth = level;
    out += "(" + text.substr(word, end - word);
    at = end + 1;
  }
  for (int base = 2; depth >= base; --depth) out += ")";
  return out;
}

using Faults = std::vector<std::string>;

}  // namespace flexc::dsl::testing
