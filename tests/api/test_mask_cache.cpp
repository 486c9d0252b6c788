// Block masks through the engine: found again while nothing that they follow from has changed, on disk where they took long; and checked
// runs, which refuse a mask that does not belong to the call.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <vector>

#include "flexc/flexc.h"
#include "runtime/cache/disk_cache.h"

using namespace flexc;

namespace {

struct Scratch {
  std::filesystem::path path;
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "flexc-api-masks-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path); }
};

constexpr std::string_view kDocument = R"(
tensor doc: i32[n]
tensor weight: f32[m]
param reach: i32 = 40

def score_mod(score, b, h, q_idx, kv_idx):
    return score * weight[kv_idx]

def mask_mod(b, h, q_idx, kv_idx):
    return (doc[q_idx] == doc[kv_idx]) & (q_idx - kv_idx <= reach)
)";

std::shared_ptr<const Kernel> compile(Engine& engine, std::string_view text, Device device = Device::oracle(), std::int64_t head_dim = 64) {
  auto variant = Variant::parse(text);
  REQUIRE(variant);
  auto kernel = engine.compile(*variant, {.head_dim = head_dim, .device = device});
  REQUIRE(kernel);
  return *kernel;
}

bool same_tiles(const BlockMask& a, const BlockMask& b) { return a.row_begin == b.row_begin && a.runs == b.runs; }

/// Documents and weights of a call of `n` positions.
struct Data {
  std::vector<std::int32_t> doc;
  std::vector<float> weight;
  Captures captures;
  explicit Data(std::int64_t n) : doc(static_cast<std::size_t>(n)), weight(static_cast<std::size_t>(n), 1.0f) {
    for (std::size_t i = 0; i < doc.size(); ++i) doc[i] = static_cast<std::int32_t>(i / 37);
    captures.set("doc", TensorView(doc.data(), i32, {n}));
    captures.set("weight", TensorView(weight.data(), f32, {n}));
  }
};

}  // namespace

TEST_CASE("a mask is found again, by any kernel of the engine, until what it reads changes", "[masks]") {
  Engine engine({.disk_cache = false});
  const auto kernel = compile(engine, kDocument), other = compile(engine, kDocument, Device::oracle(), 32);
  Data data(512);
  const MaskShape shape{.batch = 2, .heads = 3, .q_len = 512, .kv_len = 512, .block_q = 32, .block_kv = 32};
  const auto ask = [&](const Kernel& from, const MaskShape& wanted) {
    MaskReport report;
    const auto mask = from.block_mask(wanted, data.captures, &report);
    REQUIRE(mask);
    CHECK(mask->origin != std::array<std::uint64_t, 2>{});
    if (report.source == "memory") CHECK(report.evaluations == 0);
    return std::pair(report.source, *mask);
  };
  const auto [first, mask] = ask(*kernel, shape);
  CHECK(first == "built");
  CHECK(ask(*kernel, shape).first == "memory");
  CHECK(ask(*other, shape).first == "memory");
  data.weight[7] = 3;  // the score's alone
  CHECK(ask(*kernel, shape).first == "memory");
  MaskShape fresh = shape;
  fresh.cached = false;
  CHECK(ask(*kernel, fresh).first == "built");
  CHECK(ask(*kernel, fresh).second.origin == mask.origin);
  data.captures.set_param("reach", 41);
  CHECK(ask(*kernel, shape).first == "built");
  CHECK(ask(*kernel, shape).second.origin != mask.origin);
  data.captures.set_param("reach", 40);
  CHECK(ask(*kernel, shape).first == "memory");

  std::mt19937_64 random(9);
  int changed = 0;
  for (int i = 0; i < 200; ++i) {
    data.doc[random() % data.doc.size()] = static_cast<std::int32_t>(random() % 14);
    const auto [source, found] = ask(*kernel, shape);
    const auto [none, truth] = ask(*kernel, fresh);
    REQUIRE(same_tiles(found, truth));
    changed += !same_tiles(found, mask);
  }
  CHECK(changed > 100);
  Engine forgetful({.disk_cache = false, .mask_cache_bytes = 0});
  const auto without = compile(forgetful, kDocument);
  CHECK(ask(*without, shape).first == "built");
  CHECK(ask(*without, shape).first == "built");
}

TEST_CASE("a mask that took long is found by another engine on disk, a quick one is not there", "[masks]") {
  const Scratch scratch;
  constexpr std::string_view kSlow = "tensor seen: u8[n, n]\ndef mask_mod(b, h, q_idx, kv_idx):\n    return seen[q_idx, kv_idx] > 0\n";
  constexpr std::int64_t kLength = 2048;  // four million pairs, each of which an exact refinement looks at
  std::vector<std::uint8_t> seen(kLength * kLength);
  std::mt19937_64 random(4);
  for (auto& each : seen) each = random() % 2;
  Captures captures;
  captures.set("seen", TensorView(seen.data(), u8, {kLength, kLength}));
  const MaskShape shape{.q_len = kLength, .kv_len = kLength, .refine = MaskShape::Refine::Exact};
  const auto ask = [&] {
    Engine engine({.cache_dir = scratch.path.string()});
    const auto kernel = compile(engine, kSlow);
    MaskReport report;
    const auto mask = kernel->block_mask(shape, captures, &report);
    REQUIRE(mask);
    return std::pair(report, *mask);
  };
  const auto [first, built] = ask();
  CHECK(first.source == "built");
  CHECK(first.build_s > 0.01);
  const auto [second, found] = ask();
  CHECK(second.source == "disk");
  CHECK(second.kept_pairs == first.kept_pairs);
  CHECK(same_tiles(found, built));
  CHECK(found.origin == built.origin);
  seen[12345] ^= 1;
  CHECK(ask().first.source == "built");

  runtime::DiskCache cache({.directory = scratch.path.string()});
  REQUIRE(cache.list(true)->size() == 2);
  Engine engine({.cache_dir = scratch.path.string()});
  const auto quick = compile(engine, "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n");
  REQUIRE(quick->block_mask({.q_len = 256, .kv_len = 256}, {}));
  CHECK(cache.list(true)->size() == 2);
}

TEST_CASE("a checked run refuses a mask that does not belong to its captures", "[masks]") {
  Engine engine({.disk_cache = false});
  constexpr std::int64_t kLength = 96, kWidth = 8;
  const auto device = GENERATE(Device::Kind::Oracle, Device::Kind::Cpu);
  const auto kernel = compile(engine, kDocument, {device}, kWidth);
  Data data(kLength);
  std::vector<float> q(2 * kLength * kWidth, 0.5f), out(q.size());
  const std::vector<std::int64_t> extents{1, 2, kLength, kWidth};
  const MaskShape shape{.batch = 1, .heads = 2, .q_len = kLength, .kv_len = kLength, .block_q = 16, .block_kv = 16};
  const auto built = kernel->block_mask(shape, data.captures);
  REQUIRE(built);
  BlockMask mask = *built;
  const auto run = [&](bool checked) {
    RunArguments arguments{.q = TensorView(q.data(), f32, extents), .k = TensorView(q.data(), f32, extents), .v = TensorView(q.data(), f32, extents), .out = TensorView(out.data(), f32, extents)};
    arguments.captures = data.captures;
    arguments.mask = &mask;
    arguments.checked = checked;
    return kernel->run(arguments);
  };
  REQUIRE(run(true));

  SECTION("a capture changed") {
    data.doc[40] = 0;
    CHECK(run(false));  // nobody looks
    const auto status = run(true);
    REQUIRE_FALSE(status);
    CHECK(status.error().kind == ErrorKind::Input);
    CHECK(status.error().message.find("build it anew") != std::string::npos);
  }
  SECTION("a param changed") {
    data.captures.set_param("reach", 39);
    CHECK_FALSE(run(true));
  }
  SECTION("what the mask does not read changed") {
    data.weight[40] = 0;
    CHECK(run(true));
  }
  SECTION("made by hand: looked at tile by tile") {
    mask = BlockMask::from_dense(*built, built->dense());
    CHECK(mask.origin == std::array<std::uint64_t, 2>{});
    CHECK(run(true));
    auto map = built->dense();
    const auto at = [&](TileKind kind) { return static_cast<std::size_t>(std::find(map.begin(), map.end(), static_cast<std::uint8_t>(kind)) - map.begin()); };
    const std::size_t empty = at(TileKind::Empty), partial = at(TileKind::Partial);
    REQUIRE(std::max(empty, partial) < map.size());
    map[empty] = static_cast<std::uint8_t>(TileKind::Partial);  // sound
    mask = BlockMask::from_dense(*built, map);
    CHECK(run(true));
    map[partial] = static_cast<std::uint8_t>(TileKind::Full);
    mask = BlockMask::from_dense(*built, map);
    const auto full = run(true);
    REQUIRE_FALSE(full);
    CHECK(full.error().message.find("full, but pairs in it are removed") != std::string::npos);
    map[partial] = static_cast<std::uint8_t>(TileKind::Empty);
    mask = BlockMask::from_dense(*built, map);
    const auto none = run(true);
    REQUIRE_FALSE(none);
    CHECK(none.error().message.find("empty, but pairs in it are kept") != std::string::npos);
  }
  SECTION("damaged: refused, whoever looks") {
    const auto refused = [&] {
      const auto status = run(false);
      return !status && status.error().kind == ErrorKind::Input && status.error().message.find("damaged") != std::string::npos && !run(true);
    };
    const auto spoil = [&](auto&& change) {
      mask = *built;
      change();
      return refused();
    };
    const auto run_of_two = [&] {  // the first of a row of at least two
      std::size_t row = 0;
      while (mask.row_begin[row + 1] - mask.row_begin[row] < 2) ++row;
      return mask.runs.begin() + static_cast<std::ptrdiff_t>(mask.row_begin[row]);
    };
    CHECK(spoil([&] { mask.runs.back().count += 100; }));
    CHECK(spoil([&] { mask.runs.front().first = 0xffffffffu; }));
    CHECK(spoil([&] { mask.runs.front().count = 0; }));
    CHECK(spoil([&] { mask.runs.front().kind = static_cast<TileKind>(3); }));
    CHECK(spoil([&] { std::swap(run_of_two()[0], run_of_two()[1]); }));
    CHECK(spoil([&] { run_of_two()[1].first = run_of_two()[0].first; }));
    CHECK(spoil([&] { mask.row_begin[1] = mask.runs.size() + 1000; }));
    CHECK(spoil([&] { mask.row_begin[0] = 1; }));
    CHECK(spoil([&] { mask.row_begin.pop_back(); }));
    CHECK_FALSE(spoil([] {}));
  }
}
