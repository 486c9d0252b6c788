#include <algorithm>

#include <catch2/catch.hpp>

#include "flexc/diagnostic.h"

using namespace flexc;

namespace {

std::string render_at(const std::string& text, std::uint32_t begin, std::uint32_t end) {
  Diagnostics diagnostics({{"t.flex", text}});
  diagnostics.add({Severity::Error, "syntax-error", {begin, end, 0}, "message", {}});
  return diagnostics.render();
}

}  // namespace

TEST_CASE("the caret stands under the column") {
  CHECK(render_at("a = b + c\n", 4, 5) == "t.flex:1:5: error: message [syntax-error]\na = b + c\n    ^\n");
  CHECK(render_at("x\na = bcd\r\n", 6, 9) == "t.flex:2:5: error: message [syntax-error]\na = bcd\n    ^~~\n");
  CHECK(render_at("\ta\t= b", 5, 6) == "t.flex:1:6: error: message [syntax-error]\n\ta\t= b\n\t \t  ^\n");
  CHECK(render_at("é = b", 5, 6) == "t.flex:1:5: error: message [syntax-error]\né = b\n    ^\n");
  CHECK(render_at("a", 1, 1) == "t.flex:1:2: error: message [syntax-error]\na\n ^\n");
  CHECK(render_at("", 0, 0) == "t.flex:1:1: error: message [syntax-error]\n\n^\n");
  CHECK(render_at("\xEF\xBB\xBF" "ab", 4, 5) == "t.flex:1:2: error: message [syntax-error]\n\xEF\xBB\xBF" "ab\n ^\n");
}

TEST_CASE("what could disturb a terminal is escaped, and the caret keeps its place") {
  CHECK(render_at(std::string("a\0b", 3), 2, 3) == "t.flex:1:3: error: message [syntax-error]\na\\x00b\n     ^\n");
  CHECK(render_at("\xE2\x80\xAE" "b", 3, 4) == "t.flex:1:2: error: message [syntax-error]\n\\u202eb\n      ^\n");
  CHECK(render_at("\xff" "b", 1, 2) == "t.flex:1:2: error: message [syntax-error]\n\\xffb\n    ^\n");
}

TEST_CASE("long lines are windowed around the caret") {
  const std::string text = std::string(5000, 'a') + "X" + std::string(5000, 'b');
  const std::string out = render_at(text, 5000, 5001);
  CHECK(out.size() < 1200);
  const std::size_t line = out.find('\n') + 1, caret_line = out.find('\n', line) + 1;
  // The window begins with an ellipsis of three bytes and one column.
  CHECK(out.find('X') - line - 2 == out.find('^') - caret_line);
}

TEST_CASE("at most a hundred errors, sorted, none twice") {
  std::string text(400, 'x');
  Diagnostics diagnostics({{"t.flex", text}});
  for (std::uint32_t i = 150; i-- > 0;) diagnostics.add({Severity::Error, "syntax-error", {i, i + 1, 0}, "message", {}});
  diagnostics.add({Severity::Error, "syntax-error", {149, 150, 0}, "message", {}});
  CHECK(diagnostics.error_count() == 150);
  CHECK(diagnostics.entries().size() == Diagnostics::kMaxErrors);
  const std::string out = diagnostics.render();
  CHECK(out.ends_with("… and 50 more errors\n"));
  CHECK(out.find("t.flex:1:51:") < out.find("t.flex:1:150:"));
}

TEST_CASE("the codes are sorted, and none is there twice") {
  const auto codes = diagnostic_codes();
  CHECK(std::is_sorted(codes.begin(), codes.end()));
  CHECK(std::adjacent_find(codes.begin(), codes.end()) == codes.end());
}
