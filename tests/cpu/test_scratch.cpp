// Scratch memory: what is kept between calls, and that no result depends on what lies in it.
#include <atomic>
#include <catch2/catch.hpp>
#include <limits>
#include <thread>
#include <vector>

#include "templates/cpu/scratch.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
const bool kKeepsSome = cpu::most_kept_bytes() > 0;

/// Allocates pieces of such sizes together, and frees them all.
void use(const std::vector<std::int64_t>& sizes) {
  std::vector<cpu::Scratch> pieces(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    REQUIRE(pieces[i].allocate(sizes[i]));
    std::byte* const memory = pieces[i].as<std::byte>();
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0);
    memory[0] = memory[sizes[i] - 1] = std::byte{1};
  }
}

}  // namespace

TEST_CASE("scratch memory is kept for later calls") {
  cpu::free_kept_scratch();
  REQUIRE(cpu::kept_scratch_bytes() == 0);
  use({kMiB, 3 * kMiB});
  const auto kept = [](std::int64_t bytes) { return kKeepsSome ? bytes : 0; };
  CHECK(cpu::kept_scratch_bytes() == kept(4 * kMiB));
  use({3 * kMiB, kMiB - 1000});  // the same two
  CHECK(cpu::kept_scratch_bytes() == kept(4 * kMiB));
  use({kMiB / 4});  // too little for either: one more
  CHECK(cpu::kept_scratch_bytes() == kept(4 * kMiB + kMiB / 4));
  {
    cpu::Scratch piece;
    REQUIRE(piece.allocate(2 * kMiB));
    CHECK(cpu::kept_scratch_bytes() == kept(kMiB + kMiB / 4));  // the one of three
    cpu::Scratch other(std::move(piece));
    CHECK(piece.as<std::byte>() == nullptr);
    REQUIRE(other.allocate(10));
  }
  CHECK(cpu::kept_scratch_bytes() == kept(4 * kMiB + kMiB / 4 + 64));
  cpu::free_kept_scratch();
  CHECK(cpu::kept_scratch_bytes() == 0);
}

TEST_CASE("of scratch memory no more is kept than the limit") {
  cpu::free_kept_scratch();
  use({kMiB, 2 * cpu::most_kept_bytes() + kMiB});  // the second is too large by itself
  CHECK(cpu::kept_scratch_bytes() == (kKeepsSome ? kMiB : 0));
  if (kKeepsSome) {  // what has lain longest goes
    const std::int64_t third = cpu::most_kept_bytes() / 3 / kMiB * kMiB;
    use({third, third, third, third});
    CHECK(cpu::kept_scratch_bytes() <= cpu::most_kept_bytes());
    CHECK(cpu::kept_scratch_bytes() >= 2 * third);
    for (int i = 0; i < 40; ++i) use({kMiB * (i + 2)});  // lengths that grow from call to call: the last one is still there
    CHECK(cpu::kept_scratch_bytes() <= cpu::most_kept_bytes());
    const std::int64_t before = cpu::kept_scratch_bytes();
    cpu::Scratch last;
    REQUIRE(last.allocate(41 * kMiB));
    CHECK(cpu::kept_scratch_bytes() == before - 41 * kMiB);
  }
  // From several threads at once, each of which gets its own.
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([i, &wrong] {
      for (int round = 0; round < 200; ++round) {
        cpu::Scratch piece;
        if (!piece.allocate(1000 + 300 * i)) {
          ++wrong;
          return;
        }
        std::fill_n(piece.as<std::byte>(), 1000, std::byte(i));
        std::this_thread::yield();
        for (int at = 0; at < 1000; ++at) wrong += piece.as<std::byte>()[at] != std::byte(i) ? 1 : 0;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(cpu::kept_scratch_bytes() <= cpu::most_kept_bytes());
  cpu::free_kept_scratch();
}

TEST_CASE("no result depends on what the call before left in scratch memory") {
  const struct {
    const char* variant;
    Shape shape;
    Setting setting;
  } cases[] = {
      {"noop", {1, 2, 1, 70, 600, 16, 24}, {}},  // two tiles, partial ones at each end
      {"causal", {1, 2, 2, 100, 100, 40, 24}, {DType::BF16, Layout::Padded, 2, true}},
      {"document_causal", {1, 1, 1, 130, 130, 16, 16}, {DType::F16, Layout::Transposed, 3}},
      {"softcap", {2, 4, 2, 33, 65, 20, 20}, {}},
      {"bias", {1, 2, 2, 40, 90, 16, 16}, {}},
      {"alibi_causal", {1, 4, 2, 3, 2100, 16, 16}, {DType::F32, Layout::Dense, 4, false, 0, 3}},  // direct, and cut into splits
      {"dilated", {1, 16, 1, 1, 700, 24, 40}, {DType::BF16}},
      {"first_half_false", {3, 3, 3, 17, 40, 16, 16}, {}},
      {"causal", {1, 4, 2, 16, 2100, 256, 256}, {DType::F32, Layout::Dense, 5, false, 0, 5}},  // splits on the matrix unit
  };
  for (const auto& [name, shape, setting] : cases)
    for (const std::string& target : targets())
      for (const double odd : {0.0, std::numeric_limits<double>::infinity(), 1e20}) {  // values that are computed again: carefully, or without the matrix unit
        INFO(name << " on " << target << ", with a " << odd);
        Problem problem(shape, variant(name), setting);
        if (odd != 0) problem.k.set(0, 0, 3, 1, odd), problem.v.set(0, 0, shape.kv_len / 2, 2, odd);
        cpu::free_kept_scratch();
        const Result fresh = problem.run({target, 2, nullptr});
        CHECK((cpu::kept_scratch_bytes() > 0) == kKeepsSome);
        for (const int value : {0xFF, 0x00, 0x47}) {  // NaNs, zeros, and 5e4
          cpu::fill_kept_scratch(std::byte(value));
          CHECK(same_bits(problem.run({target, 2, nullptr}), fresh));
        }
      }
}

}  // namespace flexc::cpu_test
