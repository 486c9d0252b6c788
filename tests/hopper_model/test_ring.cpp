// A producer warp, TMA, a ring of two buffers and a consumer warpgroup that reads them with ordinary loads; and the same program with one thing
// wrong.
#include <numeric>

#include "program.h"

using namespace hopper_model;

namespace {

constexpr u32 kTiles = 6, kTileRows = 8, kTileBytes = kTileRows * 128, kConsumers = 128, kThreads = 32 + kConsumers;
constexpr u32 kControl = kSharedBase, kBuffers = kSharedBase + 1024;
constexpr u32 kShared = 1024 + kStages * kTileBytes;

enum class Wrong {
  Nothing,
  NoFullWait,
  NoEmptyWait,
  NoExpect,
  BytesTooMany,
  BytesTooFew,
  FullParity,
  EmptyParity,
  ReleaseBeforeRead,
  ReleaseTwice,
  NoInitFence,
  NoInitSync,
  OneLaneWaits,
  NoInit,
  InitTwice,
  CountTooHigh,
  LoadOutside,
  LoadMisaligned,
  ReadOutside,
  ReadMisaligned,
  ReadBarrier,
  LeavesEarly,
  NoMap,
};

struct Ring {
  model::TensorMap map;
  u32* sums;  // [consumer]
  Wrong wrong = Wrong::Nothing;

  static u32 full(u32 stage) { return kControl + 8 * stage; }
  static u32 empty(u32 stage) { return kControl + 16 + 8 * stage; }

  void initialise() const {
    if (thread_index() == 0 && wrong != Wrong::NoInit) {
      for (u32 stage = 0; stage < kStages; ++stage) {
        mbarrier_init(SITE(init_full), full(stage), 1);
        mbarrier_init(SITE(init_empty), empty(stage), kConsumers + (wrong == Wrong::CountTooHigh ? 1 : 0));
      }
      if (wrong == Wrong::InitTwice) mbarrier_init(SITE(init_again), full(0), 1);
      if (wrong != Wrong::NoInitFence) mbarrier_init_fence(SITE(init_fence));
    }
    if (wrong != Wrong::NoInitSync) block_sync(SITE(init_sync));
  }

  void produce() const {
    if (thread_index() != 0) return;
    const u32 tiles = wrong == Wrong::LeavesEarly ? kTiles + 1 : kTiles;
    for (u32 it = 0; it < tiles; ++it) {
      const u32 stage = ring_stage(SITE(produce_stage), it);
      u32 parity = ring_parity(SITE(produce_parity), it) ^ 1;
      if (wrong == Wrong::EmptyParity) parity ^= 1;
      if (wrong != Wrong::NoEmptyWait) mbarrier_wait(SITE(wait_empty), empty(stage), parity);
      if (wrong == Wrong::NoExpect) {
        mbarrier_arrive(SITE(arrive_full), full(stage));
      } else {
        const u32 more = wrong == Wrong::BytesTooMany ? 16 : wrong == Wrong::BytesTooFew ? -16u : 0;
        mbarrier_arrive_expect_tx(SITE(expect), full(stage), kTileBytes + more);
      }
      u32 to = kBuffers + stage * kTileBytes;
      if (wrong == Wrong::LoadOutside) to += kStages * kTileBytes;
      if (wrong == Wrong::LoadMisaligned) to += 16;
      static const model::TensorMap nothing{.magic = 0};
      tma_load(SITE(load), to, wrong == Wrong::NoMap ? &nothing : &map, full(stage), 0, static_cast<i32>(it * kTileRows), 0, 0);
    }
  }

  void consume() const {
    const u32 consumer = thread_index() - 32, row = consumer / 16, word = consumer % 16 * 2;
    u32 sum = 0;
    for (u32 it = 0; it < kTiles; ++it) {
      const u32 stage = ring_stage(SITE(consume_stage), it);
      u32 parity = ring_parity(SITE(consume_parity), it);
      if (wrong == Wrong::FullParity) parity ^= 1;
      const bool waits = wrong == Wrong::OneLaneWaits ? lane_index() == 0 : wrong != Wrong::NoFullWait;
      if (waits) mbarrier_wait(SITE(wait_full), full(stage), parity);
      if (wrong == Wrong::ReleaseBeforeRead) mbarrier_arrive(SITE(release_early), empty(stage));
      const u32 tile = kBuffers + stage * kTileBytes;
      if (wrong == Wrong::ReadOutside) shared_load(SITE(read_outside), kSharedBase + kShared);
      if (wrong == Wrong::ReadMisaligned) shared_load(SITE(read_misaligned), tile + 2);
      if (wrong == Wrong::ReadBarrier) shared_load(SITE(read_barrier), full(0));
      for (u32 w = word; w < word + 2; ++w) sum += shared_load(SITE(read), tile + swizzled(SITE(read_chunk), row, w / 4) + w % 4 * 4);
      if (wrong != Wrong::ReleaseBeforeRead) mbarrier_arrive(SITE(release), empty(stage));
      if (wrong == Wrong::ReleaseTwice) mbarrier_arrive(SITE(release_again), empty(stage));
    }
    sums[consumer] = sum;
  }

  void operator()() const {
    initialise();
    thread_index() < 32 ? produce() : consume();
  }
};

struct Fixture {
  std::vector<uint16_t> data = std::vector<uint16_t>(kTiles * kTileRows * 64);
  std::vector<u32> sums = std::vector<u32>(kConsumers);
  LaunchOptions options;
  Ring program;

  Fixture() {
    std::iota(data.begin(), data.end(), uint16_t{1});
    options.threads = kThreads;
    options.shared_bytes = kShared;
    program.map = matrix_map(data.data(), kTiles * kTileRows, 64, kTileRows);
    program.sums = sums.data();
  }
  u32 expected(u32 consumer) const {
    u32 sum = 0;
    for (u32 it = 0; it < kTiles; ++it) {
      for (u32 i = 0; i < 2; ++i) {
        const size_t at = (it * kTileRows + consumer / 16) * 64 + (consumer % 16 * 2 + i) * 2;
        sum += data[at] | static_cast<u32>(data[at + 1]) << 16;
      }
    }
    return sum;
  }
  Ring with(Wrong wrong) const {
    Ring program_with = program;
    program_with.wrong = wrong;
    return program_with;
  }
};

}  // namespace

TEST_CASE("ring: the correct program runs clean and computes the same under every schedule") {
  Fixture f;
  runs_clean(f.options, f.program, [&] {
    for (u32 c = 0; c < kConsumers; ++c) REQUIRE(f.sums[c] == f.expected(c));
    std::fill(f.sums.begin(), f.sums.end(), 0);
  });
}

TEST_CASE("ring: several CTAs at once") {
  Fixture f;
  f.options.blocks = 3;
  runs_clean(f.options, f.program, [&] { REQUIRE(f.sums[5] == f.expected(5)); }, 10);
}

TEST_CASE("ring: what is outside of the tensor arrives as zeros") {
  Fixture f;
  f.program.map.sizes[1] = 3 * kTileRows + 5;  // rows
  f.program.map.sizes[0] = 40;                 // columns
  runs_clean(
      f.options, f.program,
      [&] {
        for (u32 c = 0; c < kConsumers; ++c) {
          u32 sum = 0;
          for (u32 row = c / 16; row < 3 * kTileRows + 5; row += kTileRows) {
            for (u32 i = 0; i < 2; ++i) {
              const u32 column = (c % 16 * 2 + i) * 2;
              if (column < 40) sum += f.data[row * 64 + column] | static_cast<u32>(f.data[row * 64 + column + 1]) << 16;
            }
          }
          REQUIRE(f.sums[c] == sum);
        }
      },
      10);
}

TEST_CASE("ring: planted faults are found") {
  Fixture f;
  const auto caught = [&](Wrong wrong, std::initializer_list<Fault> faults) { is_caught(f.options, f.with(wrong), faults); };
  SECTION("a consumer that does not wait") { caught(Wrong::NoFullWait, {Fault::Race, Fault::Uninitialised}); }
  SECTION("a producer that does not wait") { caught(Wrong::NoEmptyWait, {Fault::Race, Fault::Barrier, Fault::Deadlock}); }
  SECTION("no expect_tx") { caught(Wrong::NoExpect, {Fault::Race, Fault::Deadlock, Fault::Uninitialised, Fault::Barrier}); }
  SECTION("more bytes announced than come") { caught(Wrong::BytesTooMany, {Fault::Deadlock}); }
  SECTION("fewer bytes announced than come") { caught(Wrong::BytesTooFew, {Fault::Deadlock, Fault::Race, Fault::Uninitialised}); }
  SECTION("a consumer waits for the wrong phase") { caught(Wrong::FullParity, {Fault::Race, Fault::Uninitialised, Fault::Deadlock}); }
  SECTION("the producer waits for the wrong phase") { caught(Wrong::EmptyParity, {Fault::Deadlock}); }
  SECTION("a buffer is released before it is read") { caught(Wrong::ReleaseBeforeRead, {Fault::Race}); }
  SECTION("a buffer is released twice") { caught(Wrong::ReleaseTwice, {Fault::Barrier, Fault::Race, Fault::Pending, Fault::Deadlock}); }
  SECTION("the barriers' initialisation is not made visible to TMA") { caught(Wrong::NoInitFence, {Fault::ProxyFence}); }
  SECTION("nobody waits for the barriers' initialisation") { caught(Wrong::NoInitSync, {Fault::Race, Fault::Barrier}); }
  SECTION("one lane waits for all, and nothing passes it on") { caught(Wrong::OneLaneWaits, {Fault::Race, Fault::Uninitialised}); }
  SECTION("the barriers are not initialised") { caught(Wrong::NoInit, {Fault::Barrier}); }
  SECTION("a barrier is initialised twice") { caught(Wrong::InitTwice, {Fault::Barrier}); }
  SECTION("a barrier counts one arrival too many") { caught(Wrong::CountTooHigh, {Fault::Deadlock}); }
  SECTION("a load outside of shared memory") { caught(Wrong::LoadOutside, {Fault::Bounds}); }
  SECTION("a load to a misaligned address") { caught(Wrong::LoadMisaligned, {Fault::TensorMap}); }
  SECTION("an ordinary read outside of shared memory") { caught(Wrong::ReadOutside, {Fault::Bounds}); }
  SECTION("a misaligned read") { caught(Wrong::ReadMisaligned, {Fault::Bounds}); }
  SECTION("an ordinary read of an mbarrier") { caught(Wrong::ReadBarrier, {Fault::Barrier}); }
  SECTION("the CTA ends while a load is on its way") { caught(Wrong::LeavesEarly, {Fault::Pending}); }
  SECTION("what is given as tensor map is none") { caught(Wrong::NoMap, {Fault::TensorMap}); }
}

TEST_CASE("ring: tensor maps outside the rules are refused") {
  Fixture f;
  const auto refused = [&](const char* text) {
    const LaunchResult result = launch(f.options, f.program);
    INFO(describe(result));
    REQUIRE(result.reports.size() == 1);
    CHECK(result.reports[0].fault == Fault::TensorMap);
    CHECK(result.reports[0].text.find(text) != std::string::npos);
  };
  SECTION("address") {
    f.program.map.address += 8;
    refused("multiple of 16");
  }
  SECTION("stride") {
    f.program.map.strides[0] += 2;
    refused("strides");
  }
  SECTION("box") {
    f.program.map.box[1] = 257;
    refused("1 to 256");
  }
  SECTION("swizzle") {
    f.program.map.box[0] = 128;
    refused("as wide as the swizzle");
  }
  SECTION("rank") {
    f.program.map.rank = 3;
    refused("rank");
  }
  SECTION("size") {
    f.program.map.sizes[2] = 0;
    refused("at least 1");
  }
}

TEST_CASE("ring: a deadlock names who waits for what") {
  Fixture f;
  Ring program = f.with(Wrong::BytesTooMany);
  const LaunchResult result = launch(f.options, program);
  REQUIRE(result.reports.size() == 1);
  const std::string& text = result.reports[0].text;
  INFO(text);
  CHECK(text.find("128 threads from 32 wait for the phase of an mbarrier at site wait_full") != std::string::npos);
  CHECK(text.find("16 bytes missing") != std::string::npos);
}

TEST_CASE("ring: sites are recorded, and a mutation names one") {
  Fixture f;
  f.options.record_sites = true;
  const LaunchResult recorded = launch(f.options, f.program);
  REQUIRE(recorded.reports.empty());
  std::vector<std::string> names;
  for (const auto& site : recorded.sites) names.push_back(site.name);
  for (const char* name : {"wait_full", "wait_empty", "expect", "load", "release", "init_fence", "read_chunk", "consume_parity"}) {
    CHECK(std::count(names.begin(), names.end(), name) == 1);
  }
  for (const auto& site : recorded.sites) {
    if (site.name == "expect") {
      CHECK(site.calls == kTiles);
      CHECK(model::changes_of(site.kind).size() == 3);
    }
  }
  f.options.mutation = {"expect", model::Change::BytesPlus16};
  const LaunchResult mutated = launch(f.options, f.program);
  REQUIRE(mutated.reports.size() == 1);
  CHECK(mutated.reports[0].fault == Fault::Deadlock);
  CHECK(mutated.mutated_calls > 0);
  f.options.mutation = {"wait_full", model::Change::Drop};
  CHECK(launch(f.options, f.program).reports.size() == 1);
  f.options.mutation = {"no_such_site", model::Change::Drop};
  const LaunchResult unknown = launch(f.options, f.program);
  CHECK(unknown.reports.empty());
  CHECK(unknown.mutated_calls == 0);
}
