// What threads do with each other: collectives of a warp, barriers, registers.
#include "program.h"

using namespace hopper_model;

namespace {

LaunchOptions options_of(u32 threads, u32 shared = 1024) {
  LaunchOptions options;
  options.threads = threads;
  options.shared_bytes = shared;
  return options;
}

constexpr u32 kPlace = kSharedBase;

}  // namespace

TEST_CASE("warp: exchanges") {
  struct {
    void operator()() const {
      const u32 lane = lane_index();
      if (shuffle_index(SITE(broadcast), lane * 3, 5) != 15) unexpected();
      if (shuffle_index(SITE(rotate), lane, (lane + 1) % 32) != (lane + 1) % 32) unexpected();
      if (shuffle_xor(SITE(exchange), static_cast<float>(lane), 2) != static_cast<float>(lane ^ 2)) unexpected();
      if (!warp_any(SITE(any), lane == 31) || warp_any(SITE(none), false)) unexpected();
      if (warp_minimum(SITE(least), -static_cast<i32>(lane)) != -31) unexpected();
      if (warp_maximum(SITE(largest), -static_cast<i32>(lane)) != 0) unexpected();
      if (opaque(lane + 7) != lane + 7) unexpected();
    }
    static void unexpected() { shared_load(SITE(wrong_result), 0); }
  } program;
  runs_clean(options_of(64), program, [] {});
}

TEST_CASE("warp: poison is noticed where it is exchanged") {
  struct {
    void operator()() const { shuffle_xor(SITE(exchange), std::bit_cast<float>(model::kPoison), 1); }
  } program;
  is_caught(options_of(32), program, {Fault::Poison});
}

TEST_CASE("warp: lanes that diverge before a collective are noticed") {
  struct {
    void operator()() const {
      if (lane_index() < 16) {
        warp_any(SITE(lower_half), true);
      } else {
        warp_any(SITE(upper_half), true);
      }
    }
  } program;
  is_caught(options_of(32), program, {Fault::Convergence});
}

TEST_CASE("warp: a lane that has exited is missed") {
  struct {
    void operator()() const {
      if (lane_index() != 0) warp_sync(SITE(sync));
    }
  } program;
  is_caught(options_of(32), program, {Fault::Convergence});
}

TEST_CASE("warp_sync orders memory; an exchange does not") {
  struct Program {
    bool syncs;
    void operator()() const {
      shared_store(SITE(write), kPlace + lane_index() * 4, lane_index());
      if (syncs) {
        warp_sync(SITE(sync));
      } else {
        warp_any(SITE(together), true);
      }
      shared_load(SITE(read), kPlace + (lane_index() ^ 1) * 4);
    }
  };
  runs_clean(options_of(32), Program{true}, [] {});
  is_caught(options_of(32), Program{false}, {Fault::Race});
}

TEST_CASE("block_sync orders memory of the CTA") {
  struct Program {
    bool syncs;
    void operator()() const {
      shared_store(SITE(write), kPlace + thread_index() * 4, thread_index());
      if (syncs) block_sync(SITE(sync));
      const u32 other = thread_index() ^ 32;
      if (shared_load(SITE(read), kPlace + other * 4) != other) shared_load(SITE(wrong_result), 0);
      if (syncs) block_sync(SITE(sync_again));
      shared_store(SITE(write_again), kPlace + other * 4, 0);
    }
  };
  runs_clean(options_of(128), Program{true}, [] {});
  is_caught(options_of(128), Program{false}, {Fault::Race, Fault::Uninitialised});
}

namespace {

// Warp 0 writes, arrives and goes on; warp 1 syncs and reads. Then the roles change.
enum class Slip { Nothing, NoArrive, OtherCount, OddCount, BadId, ThreeArrive, NoSync };
struct Handshake {
  Slip slip = Slip::Nothing;
  void operator()() const {
    const u32 warp = thread_index() / 32, count = slip == Slip::OddCount ? 48 : 64, id = slip == Slip::BadId ? 16 : 1;
    for (u32 round = 0; round < 3; ++round) {
      if (warp == 0) {
        shared_store(SITE(write), kPlace + lane_index() * 4, round);
        if (slip != Slip::NoArrive) named_barrier_arrive(SITE(arrive), id, count);
        named_barrier_sync(SITE(wait_back), 2, 64);
      } else if (warp == 1) {
        if (slip != Slip::NoSync) named_barrier_sync(SITE(sync), id, slip == Slip::OtherCount ? 96 : count);
        if (shared_load(SITE(read), kPlace + (31 - lane_index()) * 4) != round) shared_load(SITE(wrong_result), 0);
        named_barrier_arrive(SITE(give_back), 2, 64);
      } else if (slip == Slip::ThreeArrive) {
        named_barrier_arrive(SITE(third), 2, 64);
      }
    }
  }
};

}  // namespace

TEST_CASE("named barriers: handing over with arrive and sync") {
  runs_clean(options_of(96), Handshake{}, [] {});
  const auto caught = [](Slip slip, std::initializer_list<Fault> faults) { is_caught(options_of(96), Handshake{slip}, faults); };
  SECTION("no arrival") { caught(Slip::NoArrive, {Fault::Deadlock}); }
  SECTION("counts that differ") { caught(Slip::OtherCount, {Fault::Barrier, Fault::Deadlock}); }
  SECTION("a count that is no whole warps") { caught(Slip::OddCount, {Fault::Barrier}); }
  SECTION("a barrier that does not exist") { caught(Slip::BadId, {Fault::Barrier}); }
  SECTION("a warp too many") { caught(Slip::ThreeArrive, {Fault::Barrier, Fault::Race, Fault::Deadlock}); }
  SECTION("no sync") { caught(Slip::NoSync, {Fault::Race, Fault::Uninitialised, Fault::Barrier, Fault::Deadlock}); }
}

namespace {

// 384 threads start with 168 registers each; the producer gives up what two consumer warpgroups take.
template <u32 kDown, u32 kUp>
struct Registers {
  bool some_threads_only = false;
  void operator()() const {
    if (thread_index() < 128) {
      if (!some_threads_only || thread_index() < 96) lower_registers<kDown>(SITE(lower));
    } else {
      raise_registers<kUp>(SITE(raise));
    }
  }
};

}  // namespace

TEST_CASE("setmaxnreg: the pool is what the CTA got at launch") {
  runs_clean(options_of(384), Registers<40, 232>{}, [] {}, 50);
  runs_clean(options_of(384), Registers<24, 240>{}, [] {}, 50);
  runs_clean(options_of(512), Registers<32, 160>{}, [] {}, 50);
  is_caught(options_of(384), Registers<32, 240>{}, {Fault::Deadlock});  // 32 + 2 * 240 = 512 is more than 3 * 168 = 504
  is_caught(options_of(384), Registers<16, 232>{}, {Fault::RegisterPool});
  is_caught(options_of(384), Registers<44, 228>{}, {Fault::RegisterPool});
  is_caught(options_of(384), Registers<176, 160>{}, {Fault::RegisterPool});
  is_caught(options_of(384), Registers<40, 232>{true}, {Fault::Convergence});
  LaunchOptions whole = options_of(384);
  whole.registers = 168;
  runs_clean(whole, Registers<40, 232>{}, [] {}, 5);
}

TEST_CASE("the model refuses what the machine could not launch") {
  struct {
    void operator()() const {}
  } program;
  LaunchOptions options = options_of(33);
  CHECK(launch(options, program).reports.at(0).fault == Fault::Resources);
  options = options_of(32, 232448 + 16);
  CHECK(launch(options, program).reports.at(0).fault == Fault::Resources);
  options = options_of(1056);
  CHECK(launch(options, program).reports.at(0).fault == Fault::Resources);
}

TEST_CASE("a launch that never ends is stopped") {
  struct {
    void operator()() const {
      for (;;) warp_sync(SITE(again));
    }
  } program;
  LaunchOptions options = options_of(32);
  options.most_steps = 10000;
  const LaunchResult result = launch(options, program);
  REQUIRE(result.reports.size() == 1);
  CHECK(result.reports[0].fault == Fault::NoProgress);
}

TEST_CASE("the same seed gives the same schedule") {
  struct Program {
    u32* order;
    u32* next;
    void operator()() const { order[atomic_add(SITE(take), next, 1)] = thread_index(); }
  };
  const auto order_of = [](uint64_t seed) {
    std::vector<u32> order(64);
    u32 next = 0;
    Program program{order.data(), &next};
    LaunchOptions options = options_of(64);
    options.seed = seed;
    CHECK(launch(options, program).reports.empty());
    return order;
  };
  CHECK(order_of(1) == order_of(1));
  CHECK(order_of(1) != order_of(2));
}
