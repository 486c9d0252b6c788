// What the stand-in driver holds, and how it says that a caller has done wrong.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace fake_cuda {

constexpr int kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kInvalidContext = 201, kInvalidImage = 200, kNotFound = 500, kInvalidHandle = 400, kLaunchFailed = 719;

struct Module {
  std::vector<std::byte> image;
  std::vector<unsigned> parameters;
  void* model = nullptr;  // the same kernels for the host model, see kernels_of
};
struct Function {
  Module* module;
  std::string name;
  int smem = 0;
};
struct Block {
  std::unique_ptr<std::byte[]> bytes;
  std::size_t size = 0;
  bool of_stream = false;
};
struct Failure {
  std::string function;
  int left, status;
};

struct Driver {
  std::recursive_mutex mutex;
  bool initialized = false;
  int major = 9, minor = 0, contexts = 0, events = 0, pushed = 0;
  std::string calls, violations;
  std::vector<Failure> failures;
  std::map<void*, std::unique_ptr<Module>> modules;
  std::vector<std::unique_ptr<Function>> functions;
  std::map<std::uint64_t, Block> memory;
  void (*kernel)(void*, void*) = nullptr;
  std::map<std::string, void (*)(void*, void*)> entries;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> copied_out;  // begin and end
  char stream = 0, context = 0;
  bool captures = false;  // the work of that stream

  void violate(const std::string& what) { violations += what + "\n"; }
  bool holds(std::uint64_t address, std::uint64_t bytes) const {
    auto block = memory.upper_bound(address);
    if (block == memory.begin()) return false;
    --block;
    return address + bytes <= block->first + block->second.size && address + bytes >= address;
  }
};

inline Driver& driver() {
  static Driver one;
  return one;
}

inline int refuse(const std::string& what, int status = kInvalidValue) {
  driver().violate(what);
  return status;
}

}  // namespace fake_cuda
