// Random mask_mods from text to tiles: the compiled tile program's map against the oracle at every pair.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "compiler/stages.h"
#include "flexc/dsl/evaluate.h"
#include "runtime/tile/classify.h"
#include "tests/ir/normal_form_of.h"
#include "tests/tile/random_mask_text.h"

using namespace flexc;

namespace {

constexpr int kMasks = 1000, kShapes = 4;

/// Captures for the declarations of random_mask_text, and a shape.
struct Setting {
  std::vector<std::int32_t> sorted, grid, starts;
  std::vector<std::int64_t> mixed;
  std::vector<float> values;
  std::vector<std::uint8_t> flags;
  dsl::Environment environment;
  BlockMask shape;

  Setting(const dsl::NormalForm& form, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto draw = [&](std::int64_t low, std::int64_t high) { return std::uniform_int_distribution<std::int64_t>(low, high)(random); };
    const std::int64_t n = draw(1, 90), length = draw(1, 9);
    for (std::int64_t i = 0; i < n; ++i) {
      sorted.push_back(static_cast<std::int32_t>(i / length));
      mixed.push_back(i / length * 31 % 17);
      values.push_back(draw(0, 12) == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(draw(-30, 30)) / 4);
      flags.push_back(draw(0, 5) == 0);
      starts.push_back(static_cast<std::int32_t>(i * length));
    }
    const std::int64_t rows = draw(1, 30), columns = draw(1, 30);
    for (std::int64_t i = 0; i < rows * columns; ++i) grid.push_back(static_cast<std::int32_t>(i / columns / 4 + i % columns / 6));
    shape.batches = draw(1, 2), shape.heads = draw(1, 2);
    shape.q_len = draw(1, 40), shape.kv_len = draw(1, 40);
    shape.q_offset = draw(0, 2) == 0 ? draw(-20, 60) : 0, shape.kv_offset = draw(0, 2) == 0 ? shape.q_offset : 0;
    shape.block_q = static_cast<std::int32_t>(draw(1, 16)), shape.block_kv = static_cast<std::int32_t>(draw(1, 16));
    environment.problem = {shape.batches, shape.heads, shape.heads, std::max<std::int64_t>(0, shape.q_offset + shape.q_len), std::max<std::int64_t>(0, shape.kv_offset + shape.kv_len)};
    environment.captures = {TensorView(sorted.data(), i32, {n}), TensorView(mixed.data(), i64, {n}), TensorView(values.data(), f32, {n}), TensorView(flags.data(), boolean, {n}),
                            TensorView(grid.data(), i32, {rows, columns}), TensorView(starts.data(), i32, {n})};
    for (const dsl::ParamInfo& info : form.params) environment.params.push_back({info.default_integer.value_or(0), info.default_float.value_or(0)});
  }

  tile::Launch launch(const std::vector<std::int64_t>& fresh) const {
    tile::Launch launch;
    launch.captures = environment.captures;
    for (const dsl::ParamValue& value : environment.params) launch.params.push_back({value.integer, value.real});
    const dsl::Problem& problem = environment.problem;
    launch.symbols = {problem.batch, problem.heads, problem.kv_heads, problem.q_total, problem.kv_total};
    launch.fresh_dims = fresh;
    return launch;
  }
};

}  // namespace

TEST_CASE("random masks and shapes: sound against the oracle, and exact when refined to pairs") {
  const char* nightly = std::getenv("FLEXC_NIGHTLY");
  const char* start = std::getenv("FLEXC_SEED");
  const std::uint64_t first = start ? std::strtoull(start, nullptr, 10) * 1000000 : 0;
  const int masks = nightly && std::string(nightly) == "1" ? 10 * kMasks : kMasks;
  int mixed_tiles = 0;
  for (int i = 0; i < masks; ++i) {
    const std::uint64_t seed = first + static_cast<std::uint64_t>(i);
    const std::string text = random_mask_text(seed);
    INFO("seed " << seed << "\n" << text);
    std::string error;
    const auto form = normal_form_of_text("random.flex", text, error);
    INFO(error);
    REQUIRE(form.has_value());
    const auto bytes = compiler::compile_tile_program(*form);
    INFO((bytes ? std::string() : bytes.error().message));
    REQUIRE(bytes.has_value());
    const auto program = tile::deserialize(*bytes);
    REQUIRE(program.has_value());
    for (int s = 0; s < kShapes; ++s) {
      const Setting setting(*form, seed * kShapes + static_cast<std::uint64_t>(s));
      const auto fresh = dsl::bind_dims(*form, setting.environment);
      INFO((fresh ? std::string() : fresh.error().message));
      REQUIRE(fresh.has_value());
      const tile::Launch launch = setting.launch(*fresh);
      REQUIRE(tile::check_launch(*program, launch).has_value());
      dsl::Evaluator evaluator(*form->mask, *form, setting.environment, *fresh);
      std::int64_t kept = 0;
      BlockMask frame = setting.shape;
      const auto exact = tile::classify(*program, launch, setting.shape, {.refine = tile::Refine::Exact});
      REQUIRE(exact.has_value());
      frame.batches = exact->batches, frame.heads = exact->heads;
      const BlockMask truth = brute_force_block_mask(frame, [&](auto... at) { return evaluator.mask(at...); }, &kept);
      INFO("shape " << s);
      REQUIRE(exact->runs == truth.runs);
      REQUIRE(exact->row_begin == truth.row_begin);
      const auto real = truth.dense();
      for (const tile::Refine refine : {tile::Refine::None, tile::Refine::Default}) {
        const auto found = tile::classify(*program, launch, setting.shape, {.refine = refine});
        REQUIRE(found.has_value());
        const auto map = found->dense();
        bool sound = map.size() == real.size();
        for (std::size_t tile = 0; sound && tile < map.size(); ++tile) sound = map[tile] == real[tile] || map[tile] == static_cast<std::uint8_t>(TileKind::Partial);
        REQUIRE(sound);
      }
      mixed_tiles += truth.counts().partial > 0 && truth.counts().partial < static_cast<std::int64_t>(real.size());
    }
  }
  CHECK(mixed_tiles > masks);  // maps that say something: partial tiles beside others
  WARN(masks << " random masks, " << masks * kShapes << " shapes: 0 unsound tiles, refine=exact equal to brute force");
}
