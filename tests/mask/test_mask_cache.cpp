// The mask cache: what is asked again is found, whatever changes is built anew, and bytes that are no mask are refused.
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "runtime/mask/mask_cache.h"
#include "tests/tile/random_program.h"

using namespace flexc;
using namespace flexc::runtime;
using flexc::tile::ClassifyOptions;
using flexc::tile::Int;
using flexc::tile::RandomCase;
using flexc::tile::Refine;

namespace {

constexpr int kCases = 1000, kChangesOfParams = 300;

int runs(int fast) {
  const char* text = std::getenv("FLEXC_NIGHTLY");
  return text && std::string(text) == "1" ? 10 * fast : fast;
}

bool same_tiles(const BlockMask& a, const BlockMask& b) {
  return a.batches == b.batches && a.heads == b.heads && a.row_begin == b.row_begin && a.runs == b.runs;
}

BlockMask built(const RandomCase& random, const ClassifyOptions& options) {
  const auto mask = tile::classify(random.program, random.launch, random.shape, options);
  REQUIRE(mask.has_value());
  return *mask;
}

struct Asked {
  BlockMask mask;
  MaskSource source = MaskSource::Built;
  tile::ClassifyReport report;
};

Asked ask(MaskCache& cache, const MaskIdentity& identity, const RandomCase& random, const ClassifyOptions& options) {
  Asked asked;
  auto mask = cache.classify(identity, random.program, random.launch, random.shape, options, &asked.report, &asked.source);
  REQUIRE(mask.has_value());
  asked.mask = std::move(*mask);
  return asked;
}

/// A folder of this test's own, gone at the end.
struct Scratch {
  std::filesystem::path path;
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "flexc-masks-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path); }
};

/// Changes element `at` of a capture to one that another element of it has or may have.
void change(std::vector<std::byte>& storage, const TensorView& view, Int at, std::mt19937_64& random) {
  const std::size_t size = size_of(view.dtype);
  std::byte* const element = storage.data() + static_cast<std::size_t>(at) * size;
  const std::vector<std::byte> before(element, element + size);
  const Int other = std::uniform_int_distribution<Int>(0, view.element_count() - 1)(random);
  std::copy_n(storage.data() + static_cast<std::size_t>(other) * size, size, element);
  // Where it was the same: its lowest byte changes, which is a change of the value of every dtype.
  if (std::equal(before.begin(), before.end(), element)) *element ^= std::byte{1};
}

}  // namespace

TEST_CASE("one element of a capture changed: the mask is never stale") {
  MaskCache cache({.max_bytes = std::uint64_t{1} << 20});
  int stale = 0, changed_maps = 0, found_again = 0, kept = 0;
  const int cases = runs(kCases);
  int drawn = 0;
  for (std::uint64_t seed = 5000; drawn < cases; ++seed) {
    RandomCase random = tile::random_case(seed);
    std::mt19937_64 draws(seed);
    // The captures that the program names; those of dead code may be among them.
    std::set<std::size_t> named;
    for (const auto& instruction : random.program.instructions)
      if (operands_of(instruction.op) == "*" && random.launch.captures[static_cast<std::size_t>(instruction.imm)].element_count() > 0)
        named.insert(static_cast<std::size_t>(instruction.imm));
    if (named.empty()) continue;
    // Small blocks, so that one element shows; and no mask of one value, which hardly any element changes.
    random.shape.block_q = random.shape.block_kv = 1 + static_cast<std::int32_t>(draws() % 2);
    const ClassifyOptions options{.refine = static_cast<Refine>(draws() % 3), .threads = 1};
    if (const auto counts = built(random, {.refine = Refine::Exact, .threads = 1}).counts(); (counts.empty == 0) + (counts.full == 0) + (counts.partial == 0) == 2) continue;
    ++drawn;
    const MaskIdentity identity(random.program);
    INFO("seed " << seed << ", refine " << static_cast<int>(options.refine) << "\n" << print(random.program));
    const BlockMask before = built(random, options);
    const Asked first = ask(cache, identity, random, options);
    REQUIRE(same_tiles(first.mask, before));
    const Asked again = ask(cache, identity, random, options);
    REQUIRE(same_tiles(again.mask, before));
    REQUIRE(again.mask.origin == first.mask.origin);
    found_again += again.source == MaskSource::Memory;

    // The last element of a capture, or of its part that the shape reaches, is drawn often: that is where a digest ends.
    const std::size_t number = *std::next(named.begin(), static_cast<std::ptrdiff_t>(draws() % named.size()));
    const TensorView& view = random.launch.captures[number];
    const Int count = view.element_count();
    const Int reach = std::min<Int>(count, std::max(random.shape.q_len, random.shape.kv_len));
    const Int at = draws() % 4 == 0 ? count - 1 : draws() % 4 == 0 ? reach - 1 : std::uniform_int_distribution<Int>(0, reach - 1)(draws);
    const std::vector<std::byte> storage = random.storage[number];
    change(random.storage[number], view, at, draws);
    const BlockMask after = built(random, options);
    const Asked asked = ask(cache, identity, random, options);
    changed_maps += !same_tiles(before, after);
    kept += asked.source == MaskSource::Memory;
    if (!same_tiles(asked.mask, after)) ++stale;
    CHECK(same_tiles(asked.mask, after));
    if (asked.source == MaskSource::Built) CHECK(asked.mask.origin != first.mask.origin);

    // The element as it was, at another address: the mask of before, found again.
    std::vector<std::byte> moved = storage;
    random.launch.captures[number].data = moved.data();
    const Asked back = ask(cache, identity, random, options);
    CHECK(same_tiles(back.mask, before));
    CHECK(back.source == MaskSource::Memory);
    CHECK(back.mask.origin == first.mask.origin);
  }
  CHECK(found_again == cases);
  CHECK(changed_maps > cases / 10);  // changes that a stale mask would show
  CHECK(kept < cases / 2);           // what dead code reads, or an axis beyond the call's batches and heads
  WARN("one element changed: " << cases << " random cases, " << changed_maps << " of them with other tiles, " << stale << " stale");
}

TEST_CASE("lengths, offsets, blocks, params and refinement changed: the mask is never stale") {
  MaskCache cache({.max_bytes = std::uint64_t{1} << 20});
  int changed_maps = 0;
  for (std::uint64_t seed = 90000; seed < 90000 + static_cast<std::uint64_t>(runs(kChangesOfParams)); ++seed) {
    RandomCase random = tile::random_case(seed);
    const MaskIdentity identity(random.program);
    ClassifyOptions options{.refine = Refine::Default, .threads = 1};
    INFO("seed " << seed << "\n" << print(random.program));
    const BlockMask before = built(random, options);
    (void)ask(cache, identity, random, options);
    const auto check = [&] {
      const BlockMask after = built(random, options);
      changed_maps += !same_tiles(before, after);
      CHECK(same_tiles(ask(cache, identity, random, options).mask, after));
    };
    random.launch.params[0].integer += 1;
    random.launch.params[1].integer -= 7;
    random.launch.params[2].real += 1.5f;
    check();
    random.launch.symbols[3] += 3;
    random.launch.fresh_dims[0] += 1;
    check();
    random.shape.q_len += 1;
    check();
    random.shape.kv_offset += 3;
    check();
    random.shape.q_step += 1;
    check();
    random.shape.kv_step += 2;
    check();
    random.shape.block_q += 1;
    check();
    options.refine = Refine::None;
    check();
    random.shape.batches += 1, random.shape.heads += 2;
    check();
  }
  CHECK(changed_maps > kChangesOfParams);
}

TEST_CASE("what the mask does not read leaves it found") {
  RandomCase random = tile::random_case(1);
  using tile::Opcode;
  random.program = tile::Program{};
  random.program.captures = {{DType::I32, 1}, {DType::I32, 1}, {DType::I32, 2}};
  random.program.params = 2;
  // q_idx >= kv_idx + c2[b, 0], and dead code that reads c1 and a param.
  random.program.instructions = {{Opcode::QIdx, 0, 0, 0}, {Opcode::KvIdx, 0, 0, 0}, {Opcode::Batch, 0, 0, 0},   {Opcode::ConstI, 0, 0, 0}, {Opcode::GatherI, 2, 0, 2},
                                 {Opcode::Add, 0, 2, 2},  {Opcode::Ge, 0, 4, 2},    {Opcode::GatherI, 1, 6, 1}, {Opcode::ParamI, 1, 0, 0}};
  random.program.operands = {2, 3, 1, 4, 0, 5, 0};
  random.program.result = 6;
  REQUIRE(check(random.program).empty());
  std::vector<std::int32_t> unused(50, 1), dead(50, 1), table{0, 9, 1, 9, 2, 9, 3, 9};  // [4, 2]
  random.launch = {};
  random.launch.captures = {TensorView(unused.data(), i32, {50}), TensorView(dead.data(), i32, {50}), TensorView(table.data(), i32, {4, 2})};
  random.launch.params = {{1, 0}, {2, 0}};
  random.shape = BlockMask{};
  random.shape.batches = 2, random.shape.heads = 3, random.shape.q_len = random.shape.kv_len = 64, random.shape.block_q = random.shape.block_kv = 16;
  const MaskIdentity identity(random.program);
  MaskCache cache({});
  const auto source = [&] { return ask(cache, identity, random, {}).source; };
  CHECK(source() == MaskSource::Built);
  unused[3] = dead[4] = 7;
  random.launch.params[1].integer = 9;
  random.launch.symbols = {2, 3, 3, 64, 64};
  random.shape.heads = 5;  // the mask ignores heads
  CHECK(source() == MaskSource::Memory);
  table[1] = table[4] = 5;  // column 1, and row 2 of a call of two batches
  CHECK(source() == MaskSource::Memory);
  table[2] = 6;
  CHECK(source() == MaskSource::Built);
  random.shape.batches = 3;
  CHECK(source() == MaskSource::Built);
  table[4] = 6;
  CHECK(source() == MaskSource::Built);
  // The same numbers through strides: another layout is no other capture.
  std::vector<std::int32_t> columns(8);
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 2; ++column) columns[static_cast<std::size_t>(column * 4 + row)] = table[static_cast<std::size_t>(row * 2 + column)];
  random.launch.captures[2] = TensorView(columns.data(), i32, {4, 2}, {1, 4});
  CHECK(source() == MaskSource::Memory);
  columns[2] = 8;
  CHECK(source() == MaskSource::Built);
}

TEST_CASE("memory is bounded, and the least recently used mask goes first") {
  std::vector<RandomCase> cases;
  std::vector<std::unique_ptr<MaskIdentity>> identities;
  for (std::uint64_t seed = 0; seed < 40; ++seed) cases.push_back(tile::random_case(seed));
  for (const RandomCase& random : cases) identities.push_back(std::make_unique<MaskIdentity>(random.program));
  constexpr std::uint64_t kBound = 48 << 10;
  MaskCache cache({.max_bytes = kBound});
  for (std::size_t i = 0; i < cases.size(); ++i) {
    (void)ask(cache, *identities[i], cases[i], {});
    (void)ask(cache, *identities[0], cases[0], {});  // kept in use
    CHECK(cache.bytes() <= kBound);
  }
  CHECK(cache.size() > 1);
  CHECK(cache.size() < cases.size());
  CHECK(ask(cache, *identities[0], cases[0], {}).source == MaskSource::Memory);
  CHECK(ask(cache, *identities[1], cases[1], {}).source == MaskSource::Built);
  MaskCache none({.max_bytes = 0});
  (void)ask(none, *identities[0], cases[0], {});
  CHECK(ask(none, *identities[0], cases[0], {}).source == MaskSource::Built);
  CHECK(none.size() == 0);
}

TEST_CASE("on disk: what took long enough, found by another cache, damaged entries built anew") {
  const Scratch scratch;
  DiskCache disk({.directory = scratch.path.string()});
  // Masks of one value never go there.
  const auto is_constant = [](const RandomCase& of) {
    tile::ClassifyReport report;
    REQUIRE(tile::classify(of.program, of.launch, of.shape, {}, &report).has_value());
    return report.method == tile::Method::Constant;
  };
  std::uint64_t seed = 17;
  while (is_constant(tile::random_case(seed))) ++seed;
  const RandomCase random = tile::random_case(seed);
  const MaskIdentity identity(random.program);
  const auto open = [&] { return &disk; };
  MaskCache quick({.disk_after_s = 1e9}, open);
  (void)ask(quick, identity, random, {});
  CHECK(disk.list(true)->empty());
  const BlockMask truth = built(random, {});
  MaskCache slow({.disk_after_s = -1}, open);
  (void)ask(slow, identity, random, {});
  const auto listed = disk.list(true);
  REQUIRE(listed->size() == 1);
  REQUIRE(listed->front().entry.has_value());
  CHECK(listed->front().entry->kind == EntryKind::Mask);
  CHECK(listed->front().entry->key.find("tile program") != std::string::npos);
  {
    MaskCache other({}, open);
    const Asked asked = ask(other, identity, random, {});
    CHECK(asked.source == MaskSource::Disk);
    CHECK(same_tiles(asked.mask, truth));
    CHECK(asked.report.effort.evaluations == 0);
    CHECK(ask(other, identity, random, {}).source == MaskSource::Memory);
  }
  // A whole entry whose payload is no mask of this call.
  REQUIRE(disk.put(EntryKind::Mask, listed->front().entry->key, std::as_bytes(std::span("no mask"))));
  MaskCache healed({.disk_after_s = -1}, open);
  CHECK(ask(healed, identity, random, {}).source == MaskSource::Built);
  MaskCache after({}, open);
  CHECK(ask(after, identity, random, {}).source == MaskSource::Disk);
}

TEST_CASE("bytes of masks: they survive, and nothing that is no mask is read as one") {
  std::mt19937_64 draws(3);
  int refused = 0, changed = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const RandomCase random = tile::random_case(seed);
    BuiltMask original;
    auto mask = tile::classify(random.program, random.launch, random.shape, {.refine = Refine::Exact}, &original.report);
    REQUIRE(mask.has_value());
    original.mask = std::move(*mask);
    const std::vector<std::byte> bytes = mask_bytes(original);
    const auto copy = mask_of_bytes(bytes, random.shape);
    REQUIRE(copy.has_value());
    CHECK(same_tiles(copy->mask, original.mask));
    CHECK(copy->report.kept_pairs == original.report.kept_pairs);
    CHECK(copy->report.method == original.report.method);
    for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 7) CHECK_FALSE(mask_of_bytes(std::span(bytes).first(size), random.shape).has_value());
    BlockMask other = random.shape;
    other.q_len += 1;
    CHECK_FALSE(mask_of_bytes(bytes, other).has_value());
    other = random.shape;
    other.kv_step += 1;
    CHECK_FALSE(mask_of_bytes(bytes, other).has_value());
    for (int flip = 0; flip < 200; ++flip) {
      std::vector<std::byte> damaged = bytes;
      damaged[draws() % damaged.size()] ^= static_cast<std::byte>(1 << draws() % 8);
      const auto read = mask_of_bytes(damaged, random.shape);
      ++changed;
      refused += !read.has_value();
      if (!read) continue;
      // What passes has the structure of a mask: its map is made without leaving its bounds, and gives the runs back.
      CHECK(same_tiles(BlockMask::from_dense(read->mask, read->mask.dense()), read->mask));
    }
  }
  CHECK(refused > changed / 2);
}

TEST_CASE("threads share a mask cache") {
  MaskCache cache({.max_bytes = 40 << 10});
  std::vector<RandomCase> cases;
  for (std::uint64_t seed = 100; seed < 120; ++seed) cases.push_back(tile::random_case(seed));
  std::vector<std::unique_ptr<MaskIdentity>> identities;
  std::vector<BlockMask> truths;
  for (const RandomCase& random : cases) {
    identities.push_back(std::make_unique<MaskIdentity>(random.program));
    truths.push_back(built(random, {.threads = 1}));
  }
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < 200; ++i) {
          const std::size_t n = (i * 7 + static_cast<std::size_t>(t)) % cases.size();
          const auto mask = cache.classify(*identities[n], cases[n].program, cases[n].launch, cases[n].shape, {.threads = 1});
          if (!mask || !same_tiles(*mask, truths[n])) ++wrong;
        }
      });
  }
  CHECK(wrong == 0);
}
