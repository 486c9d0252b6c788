#include <cmath>
#include <cstring>
#include <span>

#include "runtime/cuda/driver.h"
#include "tools/gpu_kit/give_up.h"
#include "tools/gpu_kit/micro_arguments.h"
#include "tools/gpu_kit/verbs.h"

namespace flexc::kit {
namespace {

struct Gpu {
  runtime::CudaDriver driver;

  runtime::CudaAllocation copy(const void* data, std::size_t bytes) const {
    auto allocation = take(driver.allocate(bytes));
    take(driver.copy_in(allocation.address(), data, bytes));
    return allocation;
  }
  flexc_tensor_map map(const runtime::TensorMapRequest& request) const {
    take(runtime::check_tensor_map(request));
    const auto encoded = take(driver.encode(request));
    flexc_tensor_map bytes;
    std::memcpy(&bytes, &encoded, sizeof bytes);
    return bytes;
  }
};

template <class T>
T* pointer(const runtime::CudaAllocation& allocation) { return reinterpret_cast<T*>(allocation.address()); }

/// How many words differ, and where the first does.
Json compare_micro(const MicroTest& test, const std::vector<unsigned>& out, const std::vector<unsigned char>& c, const std::string& expected) {
  std::size_t different = 0, first = 0;
  const auto differs = [&](std::size_t i) {
    unsigned want = 0;
    std::memcpy(&want, expected.data() + i * sizeof want, sizeof want);
    if (!test.approximate || want == out[i]) return want != out[i];
    const double a = std::bit_cast<float>(want), b = std::bit_cast<float>(out[i]);
    return !(std::fabs(a - b) <= kUnitError * std::fabs(a));
  };
  for (std::size_t i = 0; i < out.size(); ++i)
    if (differs(i) && different++ == 0) first = i;
  const bool stores_differ = std::memcmp(expected.data() + out.size() * sizeof out[0], c.data(), c.size()) != 0;
  Json json = {{"micro", test.kernel}, {"ok", different == 0 && !stores_differ}, {"words_that_differ", different}, {"stored_tensor_differs", stores_differ}};
  if (different > 0) json["first"] = first;
  return json;
}

}  // namespace

Result<bool> run_micro(const std::string& kit) {
  const Gpu gpu{take(runtime::CudaDriver::open())};
  const std::string cubin = take(read_file(kit + "/cubins/micro.cubin"));
  bool all = true;
  for (const MicroTest& test : kMicroTests) {
    const auto module = take(gpu.driver.load(std::as_bytes(std::span(cubin)), test.kernel, kMicroSharedBytes));
    const auto words = micro_words();
    const auto tensor = [&](int rows, unsigned salt) {
      const auto values = micro_tensor(rows, salt);
      return gpu.copy(values.data(), values.size() * sizeof values[0]);
    };
    const auto in = gpu.copy(words.data(), words.size() * sizeof words[0]);
    const auto a = tensor(kMicroARows, 1), b = tensor(kMicroBRows, 2), c = tensor(kMicroARows, 3);
    std::vector<unsigned> out(kMicroOutWords);
    const auto out_memory = gpu.copy(out.data(), out.size() * sizeof out[0]);
    MicroArguments arguments{gpu.map(micro_map(pointer<void>(a), kMicroARows)), gpu.map(micro_map(pointer<void>(b), kMicroBRows)),
                                  gpu.map(micro_map(pointer<void>(c), kMicroARows)), pointer<unsigned>(in), pointer<unsigned>(out_memory)};
    void* pointers[] = {&arguments};
    take(module.launch({1, test.threads, kMicroSharedBytes, pointers, nullptr}));
    take(gpu.driver.synchronize(nullptr));
    std::vector<unsigned char> stored(c.bytes());
    take(gpu.driver.copy_out(out.data(), out_memory.address(), out.size() * sizeof out[0]));
    take(gpu.driver.copy_out(stored.data(), c.address(), stored.size()));
    const Json line = compare_micro(test, out, stored, take(read_file(kit + "/expected/" + test.kernel + ".bin")));
    say(line);
    all = all && line["ok"].get<bool>();
  }
  return all;
}

}  // namespace flexc::kit
