#include <catch2/catch.hpp>

#include "dsl/syntax/names.h"
#include "tests/syntax/syntax_helpers.h"

using namespace flexc;
using namespace flexc::dsl;
using namespace flexc::dsl::testing;

namespace {
const std::string kMask = "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n";
}

TEST_CASE("scoping is Python's") {
  CHECK(faults(kMask + "def f(x):\n    def g(y):\n        return x + y + later()\n    z = g(x)\n    return z\ndef later():\n    return 1\n").empty());
  CHECK(faults(kMask + "def f(x):\n    inner = 1\n    return inner\ndef g(x):\n    return inner\n") == Faults{"7:12 undefined-name"});
  CHECK(faults(kMask + "def f(x):\n    def g(y=x):\n        x += 1\n        return y\n    return g()\n") == Faults{"5:9 outer-assignment"});
  CHECK(faults(kMask + "def f(min, H):\n    abs = min + H\n    return abs\n").empty());
}

TEST_CASE("an undefined name is one error, with the nearest name") {
  const Parsed parsed = parse(kMask + "def f(window):\n    return widnow + widnow\n");
  REQUIRE(parsed.diagnostics.error_count() == 1);
  CHECK(parsed.diagnostics.entries()[0].message == "undefined name 'widnow'; did you mean 'window'?");
  const std::string_view names[] = {"tanh", "tan", "kv_idx", "q_idx"};
  CHECK(nearest_name("tanhh", names) == "tanh");
  CHECK(nearest_name("kv_ixd", names) == "kv_idx");
  CHECK(nearest_name("wombat", names).empty());
  CHECK(nearest_name("x", names).empty());
}

TEST_CASE("locals are listed once, parameters first") {
  const Parsed parsed = parse("def f(a, b):\n    c = a\n    for i in range(3):\n        c = i\n    d, (e, c) = b\n    def g():\n        return 1\n    return c + d + e + g()\n");
  CHECK(parsed.program->top_level[0]->function->locals == std::vector<std::string_view>{"a", "b", "c", "i", "d", "e", "g"});
}

TEST_CASE("undeclared captures of bare expressions, with their ranks") {
  Diagnostics diagnostics;
  const auto program = parse_expressions({"<score>", "score + slopes[h] * (t[b][h, q_idx] + t[b]) + c"}, {"<mask>", "doc[q_idx] == doc[kv_idx]"}, diagnostics);
  resolve(*program, diagnostics);
  CHECK_FALSE(diagnostics.has_errors());
  std::vector<std::pair<std::string_view, int>> found;
  for (const auto& capture : program->undeclared) found.emplace_back(capture.name, capture.rank);
  CHECK(found == std::vector<std::pair<std::string_view, int>>{{"slopes", 1}, {"t", 3}, {"c", 0}, {"doc", 1}});
  Diagnostics wrong;
  const auto bad = parse_expressions({}, {"<mask>", "score > wombat(3)"}, wrong);
  resolve(*bad, wrong);
  CHECK(wrong.error_count() == 2);
}

TEST_CASE("declarations and mods") {
  CHECK(faults(kMask + "def mask_mod(b, h, q, k):\n    return True\n") == Faults{"3:5 duplicate-declaration"});
  CHECK(faults(kMask + "mask_mod = 3\n") == Faults{"3:1 duplicate-declaration"});
  CHECK(faults("def mask_mod(b, h, q):\n    return True\n") == Faults{"1:5 mod-parameters"});
  CHECK(faults("import numpy as np\n" + kMask + "X = np\n") == Faults{"4:5 unsupported-import"});
  CHECK(faults("import torch.nn.functional as G\nfrom torch import tanh\nfrom functools import partial\n" + kMask + "def f(x):\n    return G.silu(tanh(x))\n").empty());
}
