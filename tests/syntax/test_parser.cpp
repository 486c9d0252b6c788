#include <catch2/catch.hpp>

#include "tests/syntax/syntax_helpers.h"

using namespace flexc;
using namespace flexc::dsl;
using namespace flexc::dsl::testing;

TEST_CASE("precedence is Python's") {
  CHECK(tree("-2 ** 2") == "(unary - (binary ** (integer 2) (integer 2)))");
  CHECK(tree("2 ** -1") == "(binary ** (integer 2) (unary - (integer 1)))");
  CHECK(tree("2 ** -1 ** 2") == "(binary ** (integer 2) (unary - (binary ** (integer 1) (integer 2))))");
  CHECK(tree("a ** b ** c") == "(binary ** (name a) (binary ** (name b) (name c)))");
  CHECK(tree("a - b - c") == "(binary - (binary - (name a) (name b)) (name c))");
  CHECK(tree("a + b * c // d") == "(binary + (name a) (binary // (binary * (name b) (name c)) (name d)))");
  CHECK(tree("-a * b") == "(binary * (unary - (name a)) (name b))");
  CHECK(tree("a | b ^ c & d << e + f") ==
        "(binary | (name a) (binary ^ (name b) (binary & (name c) (binary << (name d) (binary + (name e) (name f))))))");
  CHECK(tree("a < b & c <= d") == "(compare < <= (name a) (binary & (name b) (name c)) (name d))");
  CHECK(tree("(a < b) < c") == "(compare < (compare < (name a) (name b)) (name c))");
  CHECK(tree("not a == b") == "(unary not (compare == (name a) (name b)))");
  CHECK(tree("a or b and not c or d") == "(or (name a) (and (name b) (unary not (name c))) (name d))");
  CHECK(tree("(a and b) and c") == "(and (and (name a) (name b)) (name c))");
  CHECK(tree("a if b else c if d else e") ==
        "(conditional (value, condition, other) (name a) (name b) (conditional (value, condition, other) (name c) (name d) (name e)))");
  CHECK(tree("lambda x: x if a else b") == "(lambda (x) (conditional (value, condition, other) (name x) (name a) (name b)))");
  CHECK(tree("a.b(c)[d, e].f") == "(attribute .f (index (call (attribute .b (name a)) (name c)) (name d) (name e)))");
  CHECK(tree("f(x, y=1)") == "(call (name f) (name x) (y = integer 1))");
  CHECK(tree("~-+a") == "(unary ~ (unary - (unary + (name a))))");
  CHECK(tree("(a,), ()") == "(tuple (tuple (name a)) (tuple))");
}

namespace {

std::string repeat(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

bool accepted(const std::string& text) { return !parse(text, false).diagnostics.has_errors(); }

std::string blocks(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::string(static_cast<std::size_t>(i), ' ') + (i == 0 ? "def f(x):\n" : "if x > 0:\n");
  return text + std::string(static_cast<std::size_t>(count), ' ') + "return x\n";
}

}  // namespace

TEST_CASE("the nesting limit is inclusive, for everything that counts") {
  for (int n : {kMaxNesting - 1, kMaxNesting, kMaxNesting + 1}) {
    CAPTURE(n);
    const bool good = n <= kMaxNesting;
    CHECK(accepted("X = " + repeat("(", n) + "1" + repeat(")", n)) == good);
    CHECK(accepted("X = " + repeat("f(", n) + "1" + repeat(")", n)) == good);
    CHECK(accepted("X = " + repeat("x[", n) + "1" + repeat("]", n)) == good);
    CHECK(accepted("X = " + repeat("-", n) + "1") == good);
    CHECK(accepted("X = " + repeat("not ", n) + "True") == good);
    CHECK(accepted("X = " + repeat("1 ** ", n) + "1") == good);
    CHECK(accepted("X = " + repeat("1 if True else ", n) + "1") == good);
    CHECK(accepted("X = " + repeat("lambda: ", n) + "1") == good);
    CHECK(accepted(blocks(n)) == good);
  }
}

TEST_CASE("what does not count towards the nesting") {
  CHECK(accepted("X = " + repeat("1 + ", 50000) + "1"));
  CHECK(accepted("X = " + repeat("-1 * ", 50000) + "1"));
  CHECK(accepted("X = a" + repeat(".b", 50000)));
  CHECK(accepted("X = a" + repeat("[0]", 50000)));
  CHECK(accepted("X = " + repeat("a < ", 50000) + "a"));
  CHECK(accepted("X = " + repeat("a and ", 50000) + "a"));
  CHECK(accepted("def f(x):\n    if x: y = 1\n" + repeat("    elif x: y = 1\n", 5000) + "    return x\n"));
}

TEST_CASE("the size limit is inclusive") {
  const std::string text = "X = 1\n";
  CHECK(accepted(text + std::string(kMaxSourceBytes - text.size(), '#')));
  const Parsed over = parse(text + std::string(kMaxSourceBytes + 1 - text.size(), '#'));
  REQUIRE(over.diagnostics.error_count() == 1);
  CHECK(over.diagnostics.entries()[0].code == "source-too-large");
  CHECK(over.diagnostics.locate(over.diagnostics.entries()[0].span).line == 1);
}

TEST_CASE("every syntax error of a file is reported, and nothing follows from them") {
  CHECK(faults("def score_mod(score, b, h, q_idx, kv_idx):\n    x = score +\n    y = (x 3)\n    if h > 2\n        y = x\n    else:\n        y = wombat\n    return y\n") ==
        Faults{"2:16 syntax-error", "3:12 missing-comma", "4:13 missing-colon", "7:13 undefined-name"});
  CHECK(faults("def f(a, 3):\n    return a + wombat\n") == Faults{"1:10 invalid-parameter", "2:16 undefined-name"});
  CHECK(faults("class A:\n    def f(self):\n        return self.x\nX = A\n") == Faults{"1:1 unsupported-syntax"});
  CHECK(faults("def f(x):\n    try:\n        y = 1\n    except E as e:\n        y = 2\n    return y + e\n") == Faults{"2:5 unsupported-syntax"});
}

TEST_CASE("soft keywords are names where no declaration can stand") {
  CHECK(accepted("param = 3\ntensor = param\nconst: int = 2\n"));
  CHECK(accepted("def f(tensor, param=1):\n    const = tensor + param\n    return const\n"));
  CHECK(accepted("tensor tensor: f32[H]\nparam param: i32\nconst const = 3\n"));
}

TEST_CASE("host code around a variant is ignored") {
  CHECK(accepted("import torch\nfrom torch.nn import (functional as F,)\n\ndef f(x: Optional[int] = None, *, y: 'str' = 1) -> Tuple[int, ...]:\n"
                 "    \"\"\"Text.\"\"\"\n    import math\n    f.__name__ = f\"{x}\" + [y for y in x]\n    return x\n\n"
                 "if __name__ == \"__main__\":\n    class A:\n        with x as y: print(f\"{y}\")\n    while True: break\nelse:\n    yield 3\n"));
}
