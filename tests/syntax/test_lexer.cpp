#include <catch2/catch.hpp>

#include "dsl/syntax/lexer.h"
#include "tests/syntax/syntax_helpers.h"

using namespace flexc;
using namespace flexc::dsl;
using namespace flexc::dsl::testing;

namespace {

/// The kinds of the tokens, and the diagnostics.
std::pair<std::vector<TokenKind>, Diagnostics> kinds(const std::string& text) {
  Diagnostics diagnostics({{"t.flex", text}});
  const LexedSource lexed = lex(text, 0, false, diagnostics);
  std::vector<TokenKind> list;
  for (const Token& token : lexed.tokens) list.push_back(token.kind);
  return {list, diagnostics};
}

using enum TokenKind;
using Kinds = std::vector<TokenKind>;

}  // namespace

TEST_CASE("lines, blocks and brackets make the tokens that Python makes") {
  CHECK(kinds("if a:\n    b\nc\n").first == Kinds{If, Name, Colon, Newline, Indent, Name, Newline, Dedent, Name, Newline, EndOfFile});
  CHECK(kinds("a = (1,\n   2)  # x\n").first == Kinds{Name, Assign, LeftParen, Integer, Comma, Integer, RightParen, Newline, EndOfFile});
  CHECK(kinds("a + \\\n  b").first == Kinds{Name, Plus, Name, Newline, EndOfFile});
  CHECK(kinds("a; b;\r\n\r\n  # only a comment\r\nc").first == Kinds{Name, Semicolon, Name, Semicolon, Newline, Name, Newline, EndOfFile});
  CHECK(kinds("\xEF\xBB\xBF" "a").first == Kinds{Name, Newline, EndOfFile});
  CHECK(kinds("").first == Kinds{EndOfFile});
  CHECK(kinds("if a:\n  if b:\n    c\n").first == Kinds{If, Name, Colon, Newline, Indent, If, Name, Colon, Newline, Indent, Name, Newline, Dedent, Dedent, EndOfFile});
}

TEST_CASE("numbers") {
  for (const char* good : {"0", "00", "1_000", "0xFF", "0x_f", "0b101", "123456789012345678901234567890"})
    CHECK(kinds(good).first == Kinds{Integer, Newline, EndOfFile});
  for (const char* good : {"1.", ".5", "1.5e-3", "1e10", "1_0.0_1e+0_1", "010.5", "09e1"}) CHECK(kinds(good).first == Kinds{Float, Newline, EndOfFile});
  for (const char* bad : {"010", "0o7", "1j", "1__0", "1_", "0x", "0b2", "1e", "1e+", "1.2.3", "3abc", "1.5f", "0xfg", "1.e", "0b12"}) {
    CAPTURE(bad);
    const auto [list, diagnostics] = kinds(bad);
    CHECK(list == Kinds{Error, Newline, EndOfFile});
    REQUIRE(diagnostics.entries().size() == 1);
    CHECK(diagnostics.entries()[0].code == "invalid-number");
    CHECK(diagnostics.entries()[0].span.begin == 0);
  }
  CHECK(kinds("1if a else 2").first == Kinds{Integer, If, Name, Else, Integer, Newline, EndOfFile});
  CHECK(kinds("1.5.abs").first == Kinds{Float, Dot, Name, Newline, EndOfFile});
}

TEST_CASE("strings") {
  CHECK(kinds(R"('a' "b" r'\' 'x')").first == Kinds{TokenKind::String, TokenKind::String, TokenKind::String, Name, Error, Newline, EndOfFile});
  CHECK(kinds("'''a\n\"b'''").first == Kinds{TokenKind::String, Newline, EndOfFile});
  CHECK(kinds("f'{x}' rb'x' Rf\"\" u''").first == Kinds{FString, Bytes, FString, TokenKind::String, Newline, EndOfFile});
  CHECK(kinds("'日本 # no comment'").second.entries().empty());
  CHECK(faults("'abc\nx = 1\n") == Faults{"1:1 unterminated-string"});
}

TEST_CASE("characters that do not belong: one error each, at the character") {
  CHECK(faults("# a \xE2\x80\xAE b\n") == Faults{"1:5 control-character"});
  CHECK(faults(std::string("x = 1 \0\0\n", 9)) == Faults{"1:7 control-character"});
  CHECK(faults("# \xff\xfe \xc3\n") == Faults{"1:3 invalid-utf8", "1:6 invalid-utf8"});
  CHECK(faults("CONST_\xD1\x81\xD1\x81 = 1\n") == Faults{"1:7 invalid-character"});
  CHECK(faults("# 日本 é 😀 are fine\nX = 1\n").size() == 1);  // the warning that no mod is defined
}

TEST_CASE("a bracket left open does not swallow what follows") {
  CHECK(faults("def f(x):\n    y = (x + 1\n    return y + wombat\n") == Faults{"2:9 unclosed-bracket", "3:16 undefined-name"});
  CHECK(faults("X = (1 + 2\nY = wombat\n") == Faults{"1:5 unclosed-bracket", "2:5 undefined-name"});
  CHECK(faults("def f(x):\n    return (x\n") == Faults{"2:12 unclosed-bracket"});
  CHECK(faults("def f(x:\n    return x\n") == Faults{"1:6 unclosed-bracket"});
  CHECK(faults("X = (1\n     + 2\n     if True\n     else 3)\n").size() == 1);
  CHECK(faults("X = max(\n1,\n2)\n").size() == 1);
}
