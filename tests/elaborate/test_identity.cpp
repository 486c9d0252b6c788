#include <catch2/catch.hpp>

#include "elaborate_text.h"

using namespace flexc::dsl;

TEST_CASE("names, comments, order of declarations and dead code are not part of the identity") {
  const auto a = elaborate_text("tensor slopes: f32[H]\ntensor unused: i32[KV]\nparam w: i32 = 3\n"
                                "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + slopes[h]\n"
                                "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx - kv_idx < w\n");
  const auto b = elaborate_text("# another text\nparam window: i32 = 7\ntensor tilt: f32[H]\n"
                                "def mask_mod(batch, head, q, k):\n    d = q - k\n    e = d * 100\n    return d < window\n"
                                "def helper(x):\n    return x + tilt[x]\n"
                                "def score_mod(s, b, h, q_idx, kv_idx):\n    t = s + tilt[h]\n    return t\n");
  REQUIRE(a.form.has_value());
  REQUIRE(b.form.has_value());
  CHECK(a.form->text == b.form->text);
  CHECK(a.form->hash == b.form->hash);
}

TEST_CASE("what changes the meaning changes the identity") {
  const auto hash = [](const std::string& dtype, const std::string& dim, const std::string& expression) {
    const auto result = elaborate_score("    return " + expression + "\n", "tensor t: " + dtype + "[" + dim + "]\n");
    REQUIRE(result.form.has_value());
    return result.form->hash;
  };
  const auto base = hash("f32", "H", "score + t[h]");
  CHECK(base != hash("f16", "H", "score + t[h]"));
  CHECK(base != hash("f32", "B", "score + t[h]"));
  CHECK(base != hash("f32", "N", "score + t[h]"));
  CHECK(base != hash("f32", "H", "score + t[b]"));
  CHECK(base != hash("f32", "H", "score - t[h]"));
  CHECK(base != hash("f32", "H", "t[h] + score"));
}

TEST_CASE("no byte of the user's text reaches the normal form") {
  const auto result = elaborate_text("tensor evil_name: f32[evil_dim]\nparam evil_param: f32 = 1.0\n"
                                     "def score_mod(evil_score, b, h, q_idx, kv_idx):\n    '''evil docstring */ #include'''\n"
                                     "    evil_local = evil_name[h]  # evil comment\n    return evil_score * evil_local * evil_param\n");
  REQUIRE(result.form.has_value());
  CHECK(result.form->text.find("evil") == std::string::npos);
  CHECK(result.form->captures[0].used);
}
