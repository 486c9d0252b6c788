// An epilogue: a warpgroup writes a swizzled tile with stmatrix, TMA stores it; and the same with one thing wrong.
#include "program.h"

using namespace hopper_model;

namespace {

constexpr u32 kTile = kSharedBase, kRows = 64, kTileBytes = kRows * 128;

enum class Wrong { Nothing, NoProxyFence, NoBarrier, NoCommit, NoWait, NoWaitRead, WaitReadOnly, Misaligned, FenceByOne };

// Twice, so that the second round writes where the first store reads.
struct Epilogue {
  model::TensorMap map;
  Wrong wrong = Wrong::Nothing;

  void operator()() const {
    const u32 t = thread_index(), lane = lane_index(), warp = t / 32;
    for (u32 round = 0; round < 2; ++round) {
      if (round > 0) {
        if (t == 0 && wrong != Wrong::NoWaitRead) tma_store_wait_read(SITE(wait_read));
        named_barrier_sync(SITE(free), 1, 128);
      }
      // Element (row, column) is 64 row + column + round. Each warp has 16 rows; stmatrix stores 16 x 16 of them.
      for (u32 block = 0; block < 4; ++block) {
        const u32 row = 16 * warp + lane % 16, chunk = 2 * block + lane / 16;
        u32 address = kTile + swizzled(SITE(out_chunk), row, chunk);
        if (wrong == Wrong::Misaligned) address += 4;
        u32 words[4];
        for (u32 m = 0; m < 4; ++m) {
          const u32 r = 16 * warp + 8 * (m % 2) + lane / 4, c = 16 * block + 8 * (m / 2) + 2 * (lane % 4);
          words[m] = (64 * r + c + round) | (64 * r + c + 1 + round) << 16;
        }
        stmatrix(SITE(write), address, words[0], words[1], words[2], words[3]);
      }
      if (wrong == Wrong::FenceByOne ? t == 0 : wrong != Wrong::NoProxyFence) async_proxy_fence(SITE(fence));
      if (wrong != Wrong::NoBarrier) named_barrier_sync(SITE(written), 2, 128);
      if (t == 0) {
        tma_store(SITE(store), &map, kTile, 0, static_cast<i32>(round * kRows), 0, 0);
        if (wrong != Wrong::NoCommit) tma_store_commit(SITE(commit));
      }
    }
    if (t != 0) return;
    if (wrong == Wrong::WaitReadOnly) tma_store_wait_read(SITE(wait_read_last));
    if (wrong != Wrong::NoWait && wrong != Wrong::WaitReadOnly) tma_store_wait(SITE(wait_done));
  }
};

struct Fixture {
  std::vector<uint16_t> out = std::vector<uint16_t>(2 * kRows * 64, 0xffff);
  LaunchOptions options;
  Epilogue program;
  Fixture() {
    options.threads = 128;
    options.shared_bytes = kTileBytes;
    program.map = matrix_map(out.data(), 2 * kRows, 64, kRows);
  }
};

}  // namespace

TEST_CASE("store: stmatrix, proxy fence, TMA store") {
  Fixture f;
  runs_clean(f.options, f.program, [&] {
    for (u32 i = 0; i < f.out.size(); ++i) REQUIRE(f.out[i] == static_cast<uint16_t>(i < kRows * 64 ? i : i - kRows * 64 + 1));
    std::fill(f.out.begin(), f.out.end(), uint16_t{0xffff});
  });
}

TEST_CASE("store: what lies outside of the tensor is not written") {
  Fixture f;
  f.program.map.sizes[0] = 24;
  f.program.map.sizes[1] = kRows + 3;
  runs_clean(
      f.options, f.program,
      [&] {
        for (u32 i = 0; i < f.out.size(); ++i) {
          const u32 row = i / 64, column = i % 64;
          const auto inside = static_cast<uint16_t>(row < kRows ? i : i - kRows * 64 + 1);
          REQUIRE(f.out[i] == (column < 24 && row < kRows + 3 ? inside : 0xffff));
        }
        std::fill(f.out.begin(), f.out.end(), uint16_t{0xffff});
      },
      10);
}

TEST_CASE("store: planted faults are found") {
  Fixture f;
  const auto caught = [&](Wrong wrong, std::initializer_list<Fault> faults) {
    f.program.wrong = wrong;
    is_caught(f.options, f.program, faults);
  };
  SECTION("no proxy fence") { caught(Wrong::NoProxyFence, {Fault::ProxyFence}); }
  SECTION("one thread fences for all, before the barrier") { caught(Wrong::FenceByOne, {Fault::ProxyFence}); }
  SECTION("no barrier between writes and store") { caught(Wrong::NoBarrier, {Fault::Race, Fault::Uninitialised, Fault::ProxyFence}); }
  SECTION("no commit") { caught(Wrong::NoCommit, {Fault::Race, Fault::Pending}); }
  SECTION("no wait at the end") { caught(Wrong::NoWait, {Fault::Pending}); }
  SECTION("only the reads are waited for at the end") { caught(Wrong::WaitReadOnly, {Fault::Pending}); }
  SECTION("the tile is written again before it was read") { caught(Wrong::NoWaitRead, {Fault::Race}); }
  SECTION("misaligned rows") { caught(Wrong::Misaligned, {Fault::Bounds}); }
}
