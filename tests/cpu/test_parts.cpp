// The parts under the kernel: the worker pool, block masks over panels, how work is distributed.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <numeric>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "templates/cpu/ahead.h"
#include "templates/cpu/pace.h"
#include "templates/cpu/plan.h"
#include "templates/cpu/tile_columns.h"
#include "tests/cpu/problem.h"

namespace flexc::cpu_test {

TEST_CASE("a pool runs each job once a thread, from several callers too") {
  for (const cpu::Pinning pinning : {cpu::Pinning::Free, cpu::Pinning::OneCpuEach}) {
    cpu::WorkerPool pool(3, pinning);
    REQUIRE(pool.size() == 3);
    std::atomic<int> calls[3] = {};
    const auto job = [&](int worker) { ++calls[worker]; };
    std::thread other([&] {
      for (int i = 0; i < 200; ++i) pool.run(job);
    });
    for (int i = 0; i < 200; ++i) pool.run(job);
    other.join();
    for (const auto& count : calls) CHECK(count == 400);
  }
  CHECK(cpu::WorkerPool(0).size() == 1);
}

TEST_CASE("callers of a pool of one thread do not wait for each other") {
  cpu::WorkerPool pool(1);
  std::mutex mutex;
  std::condition_variable met;
  int inside = 0;
  bool together[2] = {};
  // Each job returns once both are inside: the minute is reached only where one waits for the other's end.
  const auto visit = [&](int caller) {
    pool.run([&](int) {
      std::unique_lock lock(mutex);
      ++inside;
      met.notify_all();
      together[caller] = met.wait_for(lock, std::chrono::minutes(1), [&] { return inside == 2; });
    });
  };
  std::thread other([&] { visit(1); });
  visit(0);
  other.join();
  CHECK((together[0] && together[1]));
}

TEST_CASE("a call that is done before a thread wakes is worth none") {
  const auto useful = [](const Shape& shape, int threads, const char* name = "noop") { return cpu::useful_threads(Problem(shape, variant(name), {}).arguments(), threads); };
  CHECK(useful({1, 1, 1, 1, 512, 64, 64}, 8) == 1);
  CHECK(useful({1, 1, 1, 100, 100, 64, 64}, 8) == 1);
  CHECK(useful({1, 1, 1, 100, 100, 64, 64}, 8, "alibi") == 1);
  CHECK(useful({1, 1, 1, 100, 100, 64, 64}, 8, "softcap") == 8);  // what compiled functions take is not known
  CHECK(useful({1, 1, 1, 100, 100, 64, 64}, 8, "document") == 8);
  CHECK(useful({1, 1, 1, 300, 300, 64, 64}, 8) == 8);
  CHECK(useful({1, 1, 1, 300, 300, 1, 1}, 8) == 8);
  CHECK(useful({16, 1, 1, 100, 100, 64, 64}, 8) == 8);
  CHECK(useful({1, 8, 1, 100, 100, 64, 64}, 8) == 8);
  CHECK(useful({1, 1, 1, 1, 10000, 64, 64}, 8) == 8);  // operations are few, but it has to be read
  CHECK(useful({1, 1, 1, 1, 10000, 64, 64}, 1) == 1);
  cpu::AttentionArguments far;
  far.batch = far.heads = far.kv_heads = far.q_len = far.kv_len = far.head_dim = far.value_dim = std::numeric_limits<std::int64_t>::max();
  CHECK(cpu::useful_threads(far, 8) == 8);
}

TEST_CASE("an alert changes nothing but when threads wake") {
  // Two threads, which most machines have a CPU each for: else nobody is alerted.
  for (int round = 0; round < 200; ++round) {
    cpu::WorkerPool pool(2);
    std::atomic<int> done{0};
    pool.alert();
    if (round % 2 == 0) pool.run([&](int) { ++done; });
    pool.alert();  // no job follows, or one that comes when they sleep again
    if (round % 20 == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      pool.run([&](int) {
        pool.alert();
        ++done;
      });
    }
    CHECK(done == (round % 2 == 0 ? 2 : 0) + (round % 20 == 0 ? 2 : 0));
  }
  cpu::WorkerPool(1).alert();
}

TEST_CASE("a pool is used again at once, and gone at once") {
  // Callers look for their workers before they sleep: whoever comes back must find them all done, with short jobs and with long ones.
  std::atomic<int> calls{0};
  for (int round = 0; round < 200; ++round) {
    cpu::WorkerPool pool(3);
    for (int i = 0; i < 5; ++i) {
      int own[3] = {};  // written by workers until run() returns, and no longer
      pool.run([&](int worker) {
        if (worker == i % 3 && round % 20 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        own[worker] = 1;
        ++calls;
      });
      CHECK((own[0] + own[1] + own[2]) == 3);
    }
  }
  CHECK(calls == 200 * 5 * 3);
}

TEST_CASE("a pace takes every step once, in order, evenly") {
  for (const std::int64_t steps : {0, 1, 7, 24, 100})
    for (const std::int64_t calls : {0, 1, 5, 24, 99}) {
      cpu::Pace pace;
      CHECK(pace.is_done());
      pace.start(steps, calls);
      std::int64_t next = 0, uneven = 0;
      const auto step = [&](std::int64_t i) { uneven += i != next++; };
      for (std::int64_t call = 1; call <= calls; ++call) {
        pace.call(step);
        uneven += next != steps * call / calls;
      }
      pace.finish(step);
      CHECK(uneven == 0);
      CHECK(next == steps);
      CHECK(pace.is_done());
      pace.call(step);
      CHECK(next == steps);
    }
}

TEST_CASE("panels of a block mask are as its pairs are") {
  // A mask with single kept pairs, full and empty stretches, blocks that fit panels and blocks that do not.
  const auto kept = [](std::int64_t, std::int64_t h, std::int64_t q, std::int64_t kv) { return h == 0 ? q >= kv : (kv / 40) % 3 == q / 50 % 2; };
  for (const auto& [block_q, block_kv] : {std::pair{128, 128}, {8, 16}, {5, 7}, {3, 100}, {64, 1}}) {
    BlockMask shape;
    shape.heads = 2;
    shape.q_len = 130;
    shape.kv_len = 333;
    shape.block_q = block_q;
    shape.block_kv = block_kv;
    const BlockMask mask = brute_force_block_mask(shape, kept);
    for (std::int64_t h = 0; h < 2; ++h)
      for (std::int64_t first = 0; first < 130; first += 8)
        for (std::int64_t column = 0; column < 333; column += 128) {
          const std::int64_t rows = std::min<std::int64_t>(8, 130 - first), count = std::min<std::int64_t>(128, 333 - column);
          const cpu::PanelKinds kinds = cpu::panel_kinds(mask, 0, h, first, rows, column, count);
          for (int panel = 0; panel < (count + 15) / 16; ++panel) {
            bool any = false, all = true;
            for (std::int64_t q = first; q < first + rows; ++q)
              for (std::int64_t kv = column + panel * 16; kv < std::min(column + panel * 16 + 16, column + count); ++kv)
                (kept(0, h, q, kv) ? any : all) = kept(0, h, q, kv);
            // Sound: what is called empty has no pair, what is called full has all.
            CHECK((any <= ((kinds.live >> panel & 1) != 0) && ((kinds.full >> panel & 1) != 0) <= all));
            if (block_q == 8 && block_kv == 16) CHECK((any == ((kinds.live >> panel & 1) != 0) && all == ((kinds.full >> panel & 1) != 0)));
          }
        }
  }
}

TEST_CASE("runs of panels, trimmed to columns") {
  std::array<cpu::Run, cpu::kMaxPanels> runs;
  CHECK(cpu::runs_of(0, runs) == 0);
  REQUIRE(cpu::runs_of(0xFFFFFFFFu, runs) == 1);
  CHECK((runs[0].first == 0 && runs[0].end == 32));
  REQUIRE(cpu::runs_of(0x8000000Du, runs) == 3);
  CHECK((runs[0].first == 0 && runs[0].end == 1 && runs[1].first == 2 && runs[1].end == 4 && runs[2].first == 31 && runs[2].end == 32));
  cpu::KeepWords any{};
  any[0] = (std::uint64_t{1} << 5) | (std::uint64_t{1} << 40) | (std::uint64_t{1} << 50);
  any[7] = std::uint64_t{1} << 63;
  cpu::trim_runs(any, runs, 3);
  CHECK((runs[0].first == 5 && runs[0].end == 6 && runs[1].first == 40 && runs[1].end == 51 && runs[2].first == 511 && runs[2].end == 512));
}

TEST_CASE("the way of distributing work changes no bit") {
  // Many units: each worker packs its own. Few: all pack together. Few rows: a tile at a time. The same heads must come out the same.
  const Variant& causal = variant("causal");
  const auto check = [&](const std::string& target, DType type) {
    INFO(target << " " << name_of(type));
    Problem many({9, 2, 2, 200, 600, 32, 32}, causal, {type});
    const Result all = many.run({target, 2, nullptr});
    for (const std::int64_t batches : {1, 3}) {
      Problem few({batches, 2, 2, 200, 600, 32, 32}, causal, {type});
      for (std::int64_t b = 0; b < batches; ++b)
        for (std::int64_t h = 0; h < 2; ++h) {
          for (std::int64_t row = 0; row < 200; ++row)
            for (std::int64_t i = 0; i < 32; ++i) few.q.set(b, h, row, i, many.q.get(b, h, row, i));
          for (std::int64_t column = 0; column < 600; ++column)
            for (std::int64_t i = 0; i < 32; ++i) {
              few.k.set(b, h, column, i, many.k.get(b, h, column, i));
              few.v.set(b, h, column, i, many.v.get(b, h, column, i));
            }
        }
      const Result part = few.run({target, 2, nullptr});
      CHECK(std::equal(part.out.begin(), part.out.end(), all.out.begin()));
      CHECK(std::equal(part.lse.begin(), part.lse.end() - 1, all.lse.begin()));
    }
  };
  for (const DType type : {DType::F32, DType::BF16, DType::F16}) check(targets().back(), type);
}

TEST_CASE("large tasks change no bit") {
  // K and V of a unit do not stay in L2 here, and for one thread there are enough tasks of 128 rows (of 256 with more heads), for two (three) only of smaller ones.
  struct Case {
    const char* variant;
    DType type;  // V in f32 is multiplied where it lies, in bf16 it is packed
    std::int64_t heads, threads;
    std::int64_t large, small;
  };
  for (const Case& it : {Case{"sliding_window", DType::F32, 1, 2, cpu::kLargeTaskGroups, cpu::kTaskGroups}, Case{"document_causal", DType::BF16, 2, 3, cpu::kLargestTaskGroups, cpu::kTaskGroups}}) {
    INFO(it.variant);
    const Problem problem({1, it.heads, 1, 2047, 3300, 48, 48, 1253}, variant(it.variant), {it.type});
    REQUIRE(cpu::make_plan(problem.arguments(), false, 1).task_groups == it.large);
    REQUIRE(cpu::make_plan(problem.arguments(), false, it.threads).task_groups == it.small);
    for (const std::string& target : cpu::kernel_targets())
      if (target == "AVX2" || target == "AVX3") CHECK(same_bits(problem.run({target, 1, nullptr}), problem.run({target, static_cast<int>(it.threads), nullptr})));
  }
}

TEST_CASE("P V's loops read a whole unit ahead, or a task's rows, and little else") {
  const auto check = [](std::int64_t q_len, std::int64_t kv_len, std::int64_t head_dim, std::int64_t value_dim) {
    INFO(q_len << " " << kv_len << " " << head_dim << " " << value_dim);
    const Problem problem({1, 4, 2, q_len, kv_len, head_dim, value_dim}, variant("noop"), {});
    cpu::AttentionArguments call = problem.arguments();
    std::vector<float> out(static_cast<std::size_t>(4 * q_len * value_dim));
    call.out.data = out.data();
    call.out.strides = {4 * q_len * value_dim, q_len * value_dim, value_dim};
    const cpu::Plan plan = cpu::make_plan(call);
    REQUIRE(plan.stays_near());
    cpu::Ahead ahead;
    // What is asked for until nothing is left, against all that there is: lines of 64 bytes.
    const auto check_lines = [&](bool has_kv, std::int64_t first_row, std::int64_t rows, std::int64_t parts) {
      std::set<std::uintptr_t> expected, brought;
      const auto add = [](std::set<std::uintptr_t>& lines, const std::byte* from, std::int64_t bytes) {
        for (auto at = reinterpret_cast<std::uintptr_t>(from) / 64; at <= (reinterpret_cast<std::uintptr_t>(from) + static_cast<std::uintptr_t>(bytes) - 1) / 64; ++at) lines.insert(at);
      };
      const auto add_rows = [&](const cpu::Input& tensor, std::int64_t h, std::int64_t first, std::int64_t count, std::int64_t width) {
        for (std::int64_t row = first; row < first + count; ++row) add(expected, cpu::row_address(plan, tensor, 0, h, row), width * 4);
      };
      if (has_kv) add_rows(call.k, 1, 0, kv_len, head_dim), add_rows(call.v, 1, 0, kv_len, value_dim);
      const std::int64_t padded = cpu::round_up(q_len, cpu::kGroupRows);  // rows of a unit are counted in groups, head by head
      for (std::int64_t row = first_row; row < first_row + rows; ++row)
        if (row % padded < q_len) {
          add_rows(call.q, 2 + row / padded, row % padded, 1, head_dim);
          add_rows({call.out.data, call.out.strides}, 2 + row / padded, row % padded, 1, value_dim);
        }
      constexpr std::int64_t kIterations = 24;
      for (cpu::LinesAhead lines = ahead.take(plan, kIterations, parts); lines.bytes != 0; lines = ahead.take(plan, kIterations, parts))
        for (std::int64_t i = 0; i < kIterations; ++i, lines.at += lines.bytes) add(brought, lines.at, 1);
      CHECK(std::ranges::includes(brought, expected));
      // Each of K, V and the heads' Q and outputs may be followed for the rest of a product.
      CHECK(brought.size() <= expected.size() + 6 * (kIterations + 1));
      const cpu::LinesAhead after = ahead.take(plan, kIterations, parts);
      CHECK((after.bytes == 0 && after.at == reinterpret_cast<const std::byte*>(&ahead)));
    };
    ahead.follow_unit(plan, 1, 2);
    check_lines(true, 0, 2 * cpu::round_up(q_len, cpu::kGroupRows), 1);
    ahead.follow_unit(plan, 1, 2);
    check_lines(true, 0, 2 * cpu::round_up(q_len, cpu::kGroupRows), 4);
    ahead.follow_task(plan, 1, 1, 1);  // it begins in one head and ends in the other, or at the end
    check_lines(false, 64, std::min<std::int64_t>(64, 2 * cpu::round_up(q_len, cpu::kGroupRows) - 64), 1);
    ahead.follow_nothing();
    CHECK(ahead.take(plan, 1, 1).bytes == 0);
  };
  check(100, 300, 48, 32);
  check(96, 512, 64, 64);
  check(60, 300, 16, 80);
}

TEST_CASE("rows do not depend on how many come with them") {
  // A few rows take tiles one at a time; the same rows among many take them from a shared buffer. (Up to sixteen rows of a K and V head, eight in
  // 16-bit types, have products of their own: tests/cpu/test_decode.cpp. And below 32 rows none go to the matrix unit.)
  const auto check = [](const std::string& target, DType type, std::int64_t few_rows) {
    INFO(target << " " << name_of(type));
    constexpr std::int64_t kFirst = 77, kValues = 32;
    Shape shape{1, 1, 1, 150, 1100, 24, kValues};
    Problem all(shape, variant("alibi"), {type});
    const Result many = all.run({target});
    shape.q_len = few_rows;
    shape.q_offset = kFirst;
    Problem some(shape, variant("alibi"), {type});
    for (std::int64_t row = 0; row < few_rows; ++row)
      for (std::int64_t i = 0; i < 24; ++i) some.q.set(0, 0, row, i, all.q.get(0, 0, kFirst + row, i));
    for (std::int64_t column = 0; column < 1100; ++column) {
      for (std::int64_t i = 0; i < 24; ++i) some.k.set(0, 0, column, i, all.k.get(0, 0, column, i));
      for (std::int64_t i = 0; i < kValues; ++i) some.v.set(0, 0, column, i, all.v.get(0, 0, column, i));
    }
    const Result few = some.run({target});
    CHECK(std::equal(few.out.begin(), few.out.end(), many.out.begin() + kFirst * kValues));
    CHECK(std::equal(few.lse.begin(), few.lse.end() - 1, many.lse.begin() + kFirst));
  };
  for (const std::string& target : cpu::kernel_targets())
    if (target == "AVX2" || target == "AVX3") check(target, DType::F32, 20);
  for (const DType type : {DType::F32, DType::BF16, DType::F16})
    for (const std::string& target : targets()) check(target, type, 41);
}

TEST_CASE("V is multiplied where it lies or packed, with the same bits") {
  for (const char* name : {"causal", "document", "alibi"})
    for (const std::int64_t heads : {std::int64_t{2}, std::int64_t{16}}) {  // shared tiles; a worker's own
      const Shape shape{1, heads, heads, 150, 1100, 24, 48};
      const Problem lying(shape, variant(name), {DType::F32, Layout::Dense});
      Problem packed(shape, variant(name), {DType::F32, Layout::Padded});
      REQUIRE(cpu::make_plan(lying.arguments()).v_in_place);
      REQUIRE_FALSE(cpu::make_plan(packed.arguments()).v_in_place);
      for (std::int64_t h = 0; h < heads; ++h) {
        for (std::int64_t row = 0; row < 150; ++row)
          for (std::int64_t i = 0; i < 24; ++i) packed.q.set(0, h, row, i, lying.q.get(0, h, row, i));
        for (std::int64_t column = 0; column < 1100; ++column) {
          for (std::int64_t i = 0; i < 24; ++i) packed.k.set(0, h, column, i, lying.k.get(0, h, column, i));
          for (std::int64_t i = 0; i < 48; ++i) packed.v.set(0, h, column, i, lying.v.get(0, h, column, i));
        }
      }
      for (const std::string& target : cpu::kernel_targets()) {
        const Result one = lying.run({target, 2, nullptr}), other = packed.run({target, 2, nullptr});
        CHECK(one.out == other.out);
        CHECK(one.lse == other.lse);
      }
    }
}

TEST_CASE("a tile that several workers need is packed once, whoever comes first") {
  // More workers than processors, one unit, tiles enough: workers meet at tiles that another one is packing.
  const Problem problem({1, 1, 1, 700, 3000, 16, 16}, variant("causal"), {});
  const Result expected = problem.run();
  for (int round = 0; round < 20; ++round) REQUIRE(same_bits(problem.run({"", 5, nullptr}), expected));
}

TEST_CASE("two blocks' runs of columns are cut where the blocks part") {
  std::mt19937 random(7);
  int found = 0;
  for (int round = 0; round < 2000; ++round) {
    cpu::BlockRuns blocks[2];
    for (cpu::BlockRuns& block : blocks) {
      std::int32_t column = 0;
      for (auto left = random() % 4; left > 0; --left) {
        const auto first = column + static_cast<std::int32_t>(random() % 20), end = first + 1 + static_cast<std::int32_t>(random() % 40);
        block.runs[static_cast<std::size_t>(block.count++)] = {first, end};
        column = end + 1;
      }
    }
    if (round % 3 == 0) blocks[1] = blocks[0];
    cpu::PhaseList list;
    if (!list.find(blocks[0], blocks[1])) continue;
    ++found;
    std::vector<int> expected[2], columns[2];
    for (int block = 0; block < 2; ++block)
      for (int i = 0; i < blocks[block].count; ++i)
        for (int column = blocks[block].runs[i].first; column < blocks[block].runs[i].end; ++column) expected[block].push_back(column);
    unsigned last = 0;
    for (int i = 0; i < list.count; ++i) {
      const cpu::Phase& phase = list.phases[static_cast<std::size_t>(i)];
      REQUIRE(phase.blocks != last);  // neighbours differ, else they would be one
      last = phase.blocks;
      for (int run = phase.first; run < phase.first + phase.count; ++run)
        for (int column = list.runs[run].first; column < list.runs[run].end; ++column)
          for (unsigned block = 0; block < 2; ++block)
            if ((phase.blocks >> block & 1) != 0) columns[block].push_back(column);
    }
    REQUIRE(columns[0] == expected[0]);
    REQUIRE(columns[1] == expected[1]);
    if (round % 3 == 0) REQUIRE(list.count <= 1);
  }
  REQUIRE(found > 1000);
}

}  // namespace flexc::cpu_test
