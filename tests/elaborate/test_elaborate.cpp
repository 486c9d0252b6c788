#include <catch2/catch.hpp>

#include "elaborate_text.h"

using namespace flexc::dsl;

namespace {

/// The normal form of `return EXPR`, for comparing two ways of writing the same thing.
std::string of(const std::string& expression, const std::string& before = {}) { return elaborate_score("    return " + expression + "\n", before).text(); }

}  // namespace

TEST_CASE("a causal ALiBi in full") {
  const auto result = elaborate_text(
      "tensor slopes: f32[H]\n"
      "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + slopes[h] * (kv_idx - q_idx)\n"
      "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n");
  CHECK(result.text() ==
        "flexc normal form 1\n"
        "tensor c0: f32[H]\n"
        "score_mod:\n"
        "  v0: f32 = score\n"
        "  v1: i64 = h\n"
        "  v2: f32 = gather c0[v1]\n"
        "  v3: i64 = kv_idx\n"
        "  v4: i64 = q_idx\n"
        "  v5: i64 = sub v3, v4\n"
        "  v6: f32 = int_to_float v5\n"
        "  v7: f32 = mul v2, v6\n"
        "  v8: f32 = add v0, v7\n"
        "  return v8\n"
        "mask_mod:\n"
        "  v0: i64 = q_idx\n"
        "  v1: i64 = kv_idx\n"
        "  v2: bool = ge v0, v1\n"
        "  return v2\n");
}

TEST_CASE("compile-time values are Python's") {
  CHECK(of("score * (2 ** 100 // 2 ** 98)") == of("score * 4"));
  CHECK(of("score + -7 // 2") == of("score + -4"));
  CHECK(of("score + -7 % 3") == of("score + 2"));
  CHECK(of("score + 3 // 0 + 3 % 0") == of("score + 0 + 0"));
  CHECK(of("score * (1 / 4)") == of("score * 0.25"));
  CHECK(of("score + round(2.5) + round(3.5)") == of("score + 2 + 4"));
  CHECK(of("score + floor(-0.5)") == of("score + -1"));
  CHECK(of("score + (5 if 10 ** 30 > 1e29 else 6)") == of("score + 5"));
  CHECK(of("score + log(-1.0)") == of("score + nan"));
  CHECK(of("score + ~True") == of("score + False"));
  CHECK(of("score * True") == of("score * 1"));
  CHECK(of("score + 0x10 + 0b11 + 1_000") == of("score + 16 + 3 + 1000"));
  CHECK(of("score + int(1e30) // 10 ** 20") == of("score + 10000000000"));
}

TEST_CASE("a row to the power of zero is a row of ones") {
  const std::string row = "tensor t: i64[n, 4]\n";
  CHECK(of("score + sum(t[q_idx] ** 0)", row) == of("score + sum(t[q_idx] * 0 + 1)", row));
  CHECK(of("score + q_idx ** 0").find("const_i64 1\n") != std::string::npos);
}

TEST_CASE("a compile-time integer that does not fit in 64 bits is an error where it meets a run-time integer, and converted at a float") {
  CHECK(of("score + (q_idx + 2 ** 63)") == "integer-too-large");
  CHECK(of("score + (q_idx - 2 ** 63)").find("const_i64 9223372036854775808") == std::string::npos);
  CHECK(elaborate_score("    return score * 2 ** 64\n").form.has_value());
  CHECK(of("score + (q_idx + (-2 ** 63))").find("const_i64 -9223372036854775808") != std::string::npos);
}

TEST_CASE("functions are values: closures, factories, late binding, defaults, partial, lambda") {
  const std::string direct = of("score * 3.0");
  CHECK(of("f(score)", "def make(g):\n    def f(x):\n        return x * g\n    return f\nf = make(3.0)\n") == direct);
  CHECK(of("(lambda x, g=3.0: x * g)(score)") == direct);
  CHECK(of("partial(lambda x, g: x * g, g=3.0)(score)") == direct);
  CHECK(of("functools.partial(scale, 3.0)(score)", "def scale(g, x):\n    return x * g\n") == direct);
  CHECK(of("twice(twice, score)", "def twice(f, x):\n    return x\n") != direct);
  CHECK(elaborate_score("    fs = (lambda x: x * g, 1)\n    g = 3.0\n    return fs[0](score)\n").text() == direct);
  CHECK(elaborate_text("def outer():\n    def inner(score, b, h, q, k):\n        return late(score)\n    def late(x):\n        return x * 3.0\n    return inner\n"
                       "score_mod = outer()\n").text() == direct);
}

TEST_CASE("branches on run-time conditions become selects; constants are simply taken") {
  CHECK(elaborate_score("    if h > 2:\n        w = 1.0\n    else:\n        w = 2.0\n    return score * w\n").text() == of("score * (1.0 if h > 2 else 2.0)"));
  CHECK(elaborate_score("    if h > 2:\n        return score\n    return score * 2.0\n").text() == of("score if h > 2 else score * 2.0"));
  CHECK(elaborate_score("    if 1 > 2:\n        return undefined_anywhere_else(score)\n    return score\n", "def undefined_anywhere_else(x):\n    return x & 1.5\n").text() ==
        of("score"));
  CHECK(elaborate_score("    if h > 2:\n        w = 1.0\n    return score * w\n").text() == "not-assigned");
  CHECK(elaborate_score("    if h > 2:\n        return score\n    else:\n        w = 1.0\n    return score * w\n").form.has_value());
  CHECK(elaborate_score("    if h > 2:\n        f = tanh\n    else:\n        f = exp\n    return score\n").form.has_value());
  CHECK(elaborate_score("    if h > 2:\n        f = tanh\n    else:\n        f = exp\n    return f(score)\n").text() == "branches-differ");
  CHECK(elaborate_score("    c = h > 2\n    if c:\n        x, y = 1, 2.0\n    else:\n        x, y = 3, 4.0\n    return score * x + y\n").text() ==
        elaborate_score("    c = h > 2\n    x = 1 if c else 3\n    y = 2.0 if c else 4.0\n    return score * x + y\n").text());
}

TEST_CASE("loops unroll; a return inside ends them") {
  CHECK(elaborate_score("    for i in range(3):\n        score = score + i\n    return score\n").text() == of("score + 0 + 1 + 2"));
  CHECK(elaborate_score("    for i in range(6, 0, -3):\n        score = score * i\n    return score\n").text() == of("score * 6 * 3"));
  CHECK(elaborate_score("    for i in range(10):\n        if i == 1:\n            return score * i\n    return score\n").text() == of("score * 1"));
}

TEST_CASE("rows") {
  const std::string tensors = "tensor a: f32[Q, R]\ntensor c: f32[KV, R]\n";
  CHECK(elaborate_score("    return score - (a[q_idx] - c[kv_idx]).pow(2).sum(-1).sqrt()\n", tensors).form.has_value());
  CHECK(of("score + a[q_idx][3]", tensors) == of("score + a[q_idx, 3]", tensors));
  CHECK(of("score + (a[q_idx] * 2.0)[3]", tensors).find("row_index") != std::string::npos);
  CHECK(of("a[q_idx]", tensors) == "mod-result");
  CHECK(of("score + a[q_idx]", tensors) == "mod-result");
  CHECK(of("score + dot(a[q_idx], t[0])", tensors + "tensor t: f32[4, S]\n").find("require n") != std::string::npos);
  CHECK(of("score + sum(v)", "tensor v: f32[8]\n").find("sum") != std::string::npos);
  CHECK(of("score + max(a[q_idx], dim=-1)", tensors).find("row_max") != std::string::npos);
  CHECK(of("score + a[q_idx].min(-1)", tensors).find("row_min") != std::string::npos);
}

TEST_CASE("limits are inclusive") {
  const auto ops = [](int n) { return elaborate_score("    for i in range(" + std::to_string(n) + "):\n        score = score * 1.5\n    return score\n"); };
  CHECK(ops(kMaxOps).form.has_value());
  CHECK(ops(kMaxOps + 1).text() == "too-many-ops");
  const auto iterations = [](int n) { return elaborate_score("    n = 0\n    for i in range(" + std::to_string(n) + "):\n        n = i\n    return score + n\n"); };
  CHECK(iterations(kMaxUnrolledIterations).form.has_value());
  CHECK(iterations(kMaxUnrolledIterations + 1).text() == "too-many-iterations");
}

TEST_CASE("recursion is an error, calling one function with different closures is not") {
  CHECK(of("f(score)", "def f(x):\n    return g(x)\ndef g(x):\n    return f(x)\n") == "recursion");
  CHECK(elaborate_text("def both(f, g):\n    def h(b, i, q, k):\n        return f(b, i, q, k) & g(b, i, q, k)\n    return h\n"
                       "def causal(b, h, q, k):\n    return q >= k\n"
                       "mask_mod = both(both(causal, causal), causal)\n").form.has_value());
}

TEST_CASE("consts can be given from outside") {
  const std::string text = "const W = 4\nN = 2\ndef mask_mod(b, h, q_idx, kv_idx):\n    return q_idx - kv_idx < W * N\n";
  ElaborateOptions options;
  options.consts["W"] = "10";
  options.consts["N"] = "3";
  CHECK(elaborate_text(text, options).text().find("const_i64 30") != std::string::npos);
  options.consts["W"] = "q_idx";
  CHECK(elaborate_text(text, options).text() == "const-override");
  options.consts = {{"V", "1"}};
  CHECK(elaborate_text(text, options).text() == "unknown-const");
}

TEST_CASE("a declaration may hide a module's name") {
  CHECK(elaborate_text("F = 8\nconst math = 2\ndef mask_mod(b, h, q_idx, kv_idx):\n    return q_idx - kv_idx < F * math\n").text().find("const_i64 16") !=
        std::string::npos);
}
