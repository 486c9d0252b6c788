// Variants: what parsing reports, and what a parsed variant says about itself.
#include <catch2/catch.hpp>

#include "tests/api/attention_fixture.h"

using namespace flexc;
using Catch::Matchers::Contains;

TEST_CASE("a variant lists its captures and params") {
  const Variant variant = test::parsed(
      "const N = 3\ntensor slopes: f32[H]\ntensor table: i32[N, pages]\ntensor unused: u8[]\nparam window: i32 = 7\nparam temperature: f32\n"
      "def score_mod(score, b, h, q, k):\n    return score * temperature + slopes[h]\n"
      "def mask_mod(b, h, q, k):\n    return (q - k < window) & (table[0, k] == 0)\n");
  const auto captures = variant.captures();
  REQUIRE(captures.size() == 3);
  CHECK(captures[0].name == "slopes");
  CHECK(captures[0].dims == std::vector<std::string>{"H"});
  CHECK(captures[1].dtype == i32);
  CHECK(captures[1].dims == std::vector<std::string>{"3", "pages"});
  CHECK(captures[1].used);
  CHECK_FALSE(captures[2].used);
  CHECK(captures[2].dims.empty());
  const auto params = variant.params();
  REQUIRE(params.size() == 2);
  CHECK(params[0].has_default);
  CHECK_FALSE(params[1].has_default);
  CHECK(params[1].dtype == f32);
  CHECK(variant.has_score_mod());
  CHECK(variant.has_mask_mod());
  CHECK(variant.hash() != std::array<std::uint64_t, 2>{});
}

TEST_CASE("the hash is the meaning's, not the text's") {
  const Variant one = test::parsed("def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n");
  const Variant two = test::parsed("# the same\ndef causal(batch, head, i, j):\n    at = i\n    return at >= j\nmask_mod = causal\n");
  const Variant other = test::parsed("def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx > kv_idx\n");
  CHECK(one.hash() == two.hash());
  CHECK(one.hash() != other.hash());
}

TEST_CASE("errors of a text come all at once, with places") {
  const auto variant = Variant::parse("def mask_mod(b, h, q_idx, kv_idx):\n    x = undefined_one\n    return q_idx >= undefined_two\n", {.name = "my.flex"});
  REQUIRE_FALSE(variant.has_value());
  CHECK(variant.error().error_count() == 2);
  const std::string text = variant.error().render();
  CHECK_THAT(text, Contains("my.flex:2:9: error:"));
  CHECK_THAT(text, Contains("my.flex:3:21: error:"));
}

TEST_CASE("consts are replaced by name, and unknown ones are errors") {
  const char* text = "const WIDTH = 4\nconst AREA = WIDTH * WIDTH\ndef mask_mod(b, h, q, k):\n    return q - k < AREA\n";
  const Variant wide = *Variant::parse(text, {.consts = {{"WIDTH", "2 + 3"}}});
  CHECK(wide.hash() == test::parsed("def mask_mod(b, h, q, k):\n    return q - k < 25\n").hash());
  const auto wrong = Variant::parse(text, {.consts = {{"WIDHT", "5"}}});
  REQUIRE_FALSE(wrong.has_value());
  CHECK_THAT(wrong.error().render(), Contains("WIDHT") && Contains("did you mean") && Contains("WIDTH") && Contains("[unknown-const]"));
  const auto broken = Variant::parse(text, {.consts = {{"WIDTH", "2 +"}}});
  REQUIRE_FALSE(broken.has_value());
  CHECK_THAT(broken.error().render(), Contains("WIDTH"));
  const auto bare = Variant::from_expressions("score * t", "", {.consts = {{"t", "5"}}});
  REQUIRE_FALSE(bare.has_value());
  CHECK_THAT(bare.error().render(), Contains("bare expressions have no consts"));
}

TEST_CASE("bare expressions take types from what is bound") {
  const auto variant = Variant::from_expressions("score + slopes[h] * (kv_idx - q_idx)", "doc[q_idx] == doc[kv_idx]");
  REQUIRE(variant.has_value());
  const auto captures = variant->captures();
  REQUIRE(captures.size() == 2);
  CHECK_FALSE(captures[0].declared);
  CHECK(captures[0].name == "slopes");
  CHECK(captures[0].dims.size() == 1);
  CHECK(variant->hash() == std::array<std::uint64_t, 2>{});
  CHECK(variant->has_score_mod());
  CHECK(variant->has_mask_mod());

  Engine engine;
  const auto missing = engine.compile(*variant, {.device = Device::oracle(), .captures = {{"slopes", {f32, 1}}}});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().error.kind == ErrorKind::Input);
  REQUIRE(missing.error().diagnostics.has_value());
  CHECK_THAT(missing.error().diagnostics->render(), Contains("doc"));
  CHECK(engine.compile(*variant, {.device = Device::oracle(), .captures = {{"slopes", {f32, 1}}, {"doc", {i32, 1}}}}).has_value());
}

TEST_CASE("check assumes f32 for undeclared captures and says so") {
  const Variant variant = *Variant::from_expressions("score + slopes[h]", "");
  CHECK(variant.warnings().entries().empty());
  const Diagnostics diagnostics = variant.check();
  CHECK_FALSE(diagnostics.has_errors());
  REQUIRE(diagnostics.entries().size() == 1);
  CHECK(diagnostics.entries()[0].severity == Severity::Warning);
  CHECK_THAT(diagnostics.render(), Contains("slopes") && Contains("f32"));
  CHECK(variant.emit("normal").has_value());
}

TEST_CASE("stages are printed by name") {
  const Variant variant = test::parsed("def mask_mod(b, h, q, k):\n    return q >= k\n");
  CHECK_FALSE(variant.emit("ast")->empty());
  CHECK_FALSE(variant.emit("normal")->empty());
  const auto wrong = variant.emit("cuda");
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().error.kind == ErrorKind::Usage);
  CHECK_THAT(wrong.error().error.message, Contains("`cuda`"));
}
