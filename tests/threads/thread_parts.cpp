// What threads of one process meet in, driven hard for ThreadSanitizer: the table of kernels, the worker pool, the cache on disk.
//   thread_parts [--plant race]
// Exit status: 0 all results are right and nothing was reported (ThreadSanitizer makes it 66), 1 a result is wrong.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "compiler/host/kernel_table.h"
#include "runtime/cache/disk_cache.h"
#include "templates/cpu/worker_pool.h"

using namespace flexc;

namespace {

constexpr int kThreads = 8;

/// A kernel that remembers whom it was made for.
struct NumberedKernel final : Kernel {
  explicit NumberedKernel(std::int64_t number) : number(number) {}
  Result<void> run(const RunArguments&, void*) const override { return {}; }
  Result<BlockMask> block_mask(const MaskShape&, const Captures&, MaskReport*) const override { return BlockMask(); }
  Device device() const override { return Device::cpu(); }
  std::int64_t number;
};

template <class Body>
void on_threads(const Body& body) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&body, t] { body(t); });
}

/// Every key is made once at a time, failures are tried again, and what was forgotten for want of room is made anew.
int kernel_table() {
  KernelTable table;
  std::atomic<int> wrong = 0;
  std::vector<std::atomic<int>> made(64);
  on_threads([&](int thread) {
    for (std::int64_t i = 0; i < 2000; ++i) {
      const std::int64_t number = (i * 5 + thread) % 64;
      const std::string names = "capture" + std::to_string(number);
      const KernelKey key{{static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15u, 1}, names, Device::Kind::Cpu, f32, 64, 64};
      const auto kernel = table.get_or_make(key, [&]() -> KernelTable::Made {
        if (made[static_cast<std::size_t>(number)]++ == 0) return std::unexpected(CompileError{{ErrorKind::Internal, "the first attempt fails"}, {}});
        return std::make_shared<NumberedKernel>(number);
      });
      if (kernel && static_cast<const NumberedKernel&>(**kernel).number != number) ++wrong;
    }
  });
  for (const auto& count : made) wrong += count == 2 ? 0 : 1;

  KernelTable full;  // more keys than there is room for
  on_threads([&](int thread) {
    for (std::int64_t i = 0; i < 2000; ++i) {
      const std::int64_t number = (i + thread * 250) % 2000;
      const KernelKey key{{static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15u, 1}, "", Device::Kind::Cpu, f32, 64, 64};
      const auto kernel = full.get_or_make(key, [&]() -> KernelTable::Made { return std::make_shared<NumberedKernel>(number); });
      if (!kernel || static_cast<const NumberedKernel&>(**kernel).number != number) ++wrong;
    }
  });
  return wrong;
}

/// Callers take turns, and see what the pool's threads wrote.
int worker_pool() {
  cpu::WorkerPool shared(3), alerted(2), alone(1);
  std::atomic<int> wrong = 0;
  on_threads([&](int) {
    for (int i = 0; i < 200; ++i) {
      int written[3] = {};
      shared.run([&](int worker) { written[worker] = i; });
      if (written[0] != i || written[1] != i || written[2] != i) ++wrong;
      if (i % 2 == 0) alerted.alert();
      alerted.run([&](int worker) { written[worker] = 2 * i; });
      if (written[0] != 2 * i || written[1] != 2 * i) ++wrong;
      alone.run([&](int worker) { written[worker] = -i; });
      if (written[0] != -i) ++wrong;
    }
  });
  return wrong;
}

/// Readers, writers and pruning in one directory: an entry is there whole, or not.
int disk_cache() {
  std::string folder = (std::filesystem::temp_directory_path() / "flexc-threads-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  std::atomic<int> wrong = 0;
  {
    runtime::DiskCache cache({.directory = folder, .max_bytes = 40 * 1024});
    on_threads([&](int thread) {
      for (int i = 0; i < 60; ++i) {
        const int number = (i * 3 + thread) % 16;
        const std::string key = "key " + std::to_string(number);
        if (const auto payload = cache.get(runtime::EntryKind::CpuObject, key)) {
          for (const std::byte byte : *payload)
            if (byte != std::byte(number)) ++wrong;
        } else {
          cache.put(runtime::EntryKind::CpuObject, key, std::vector<std::byte>(4096, std::byte(number)));
        }
      }
    });
  }
  std::filesystem::remove_all(folder);
  return wrong;
}

}  // namespace

int main(int argc, char** argv) {
  const bool race = argc == 3 && std::string_view(argv[1]) == "--plant" && std::string_view(argv[2]) == "race";
  const int table = kernel_table(), pool = worker_pool(), cache = disk_cache();
  long unguarded = 0;
  if (race) on_threads([&](int) { ++unguarded; });
  std::printf("threads: %d wrong in the table of kernels, %d in the worker pool, %d in the cache%s\n", table, pool, cache, unguarded > 0 ? " (with a race)" : "");
  return table + pool + cache == 0 ? 0 : 1;
}
