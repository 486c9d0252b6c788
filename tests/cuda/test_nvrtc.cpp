// NVRTC, where there is one, and what is read from its cubins; where there is none, that it says so.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>

#include "runtime/cuda/cubin.h"
#include "runtime/cuda/device_templates.h"
#include "runtime/cuda/nvrtc.h"

using namespace flexc;
using namespace flexc::runtime;

namespace {

/// Sets a variable of the environment until the end of the scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value, 1);
  }
  ~Variable() {
    if (old_) setenv(name_, old_->c_str(), 1);
    else unsetenv(name_);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

constexpr const char* kSmall = R"(
#include "templates/hooks.cuh"
extern "C" __global__ void small(float* out) { __shared__ float held[64]; held[threadIdx.x] = flexc::mods::exp2_unit(out[threadIdx.x]); __syncthreads(); out[threadIdx.x] = held[63 - threadIdx.x]; }
)";
constexpr const char* kWithStack = R"(
extern "C" __global__ void stacked(int* out, int n) { int a[64]; for (int i = 0; i < n; ++i) a[(i * out[i]) & 63] = i; out[n] = a[out[n] & 63]; }
)";

/// NVRTC, or nothing with a word about it.
std::optional<Nvrtc> nvrtc_or_skip() {
  auto nvrtc = Nvrtc::open();
  if (nvrtc) return std::move(*nvrtc);
  WARN("skipped: " << nvrtc.error().message);
  return std::nullopt;
}

}  // namespace

TEST_CASE("a file that is no NVRTC is named as the environment's fault") {
  const Variable missing("FLEXC_NVRTC", "/nowhere/libnvrtc.so");
  CHECK(nvrtc_candidates() == std::vector<std::string>{"/nowhere/libnvrtc.so"});
  const auto none = Nvrtc::open();
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().kind == ErrorKind::Environment);
  CHECK(none.error().message.find("FLEXC_NVRTC") != std::string::npos);
  const Variable other("FLEXC_NVRTC", "libc.so.6");
  const auto wrong = Nvrtc::open();
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().message.find("lacks functions") != std::string::npos);
}

TEST_CASE("the templates are embedded under their names in the repository") {
  bool has_hooks = false;
  for (const DeviceTemplate& file : device_templates()) {
    CHECK(file.name.starts_with("templates/"));
    CHECK(file.text.data()[file.text.size()] == '\0');
    CHECK(file.name.data()[file.name.size()] == '\0');
    has_hooks |= file.name == "templates/hooks.cuh" && file.text.find("namespace flexc::mods") != std::string_view::npos;
  }
  CHECK(has_hooks);
}

TEST_CASE("a kernel compiles to PTX and a cubin that says what it takes") {
  const auto nvrtc = nvrtc_or_skip();
  if (!nvrtc) return;
  const auto small = nvrtc->compile({"small.cu", kSmall, "sm_90a"});
  INFO((small ? std::string() : small.error().message));
  REQUIRE(small.has_value());
  CHECK(small->ptx.find("ex2.approx") != std::string::npos);
  const auto report = read_cubin(small->cubin);
  INFO((report ? std::string() : report.error().message));
  REQUIRE(report.has_value());
  CHECK(report->kernel == "small");
  CHECK(small->log.find("Used " + std::to_string(report->registers) + " registers") != std::string::npos);
  CHECK(report->static_smem_bytes == 64 * sizeof(float));
  CHECK(report->stack_bytes == 0);
  CHECK(report->local_loads == 0);
  CHECK(spill_bytes_in(small->log) == 0);

  const auto stacked = nvrtc->compile({"stacked.cu", kWithStack, "sm_90a"});
  REQUIRE(stacked.has_value());
  const auto with_stack = read_cubin(stacked->cubin);
  REQUIRE(with_stack.has_value());
  CHECK(with_stack->stack_bytes >= 256);
  CHECK(with_stack->local_loads > 0);
  CHECK(with_stack->local_stores > 0);
}

TEST_CASE("text that NVRTC rejects is an internal error with the log") {
  const auto nvrtc = nvrtc_or_skip();
  if (!nvrtc) return;
  const auto rejected = nvrtc->compile({"wrong.cu", "extern \"C\" __global__ void wrong() { nonsense(); }", "sm_90a"});
  REQUIRE_FALSE(rejected.has_value());
  CHECK(rejected.error().kind == ErrorKind::Internal);
  CHECK(rejected.error().message.find("wrong.cu") != std::string::npos);
  CHECK(rejected.error().message.find("nonsense") != std::string::npos);
}

TEST_CASE("an architecture that NVRTC does not know is named, with those that it knows") {
  const auto nvrtc = nvrtc_or_skip();
  if (!nvrtc) return;
  for (const char* architecture : {"sm_81", "sm_080", "sm_80a", "sm_999", "sm_", "90"}) {
    const auto compiled = nvrtc->compile({.name = "small.cu", .text = kSmall, .architecture = architecture});
    REQUIRE_FALSE(compiled.has_value());
    CHECK(compiled.error().kind == ErrorKind::Environment);
    CHECK(compiled.error().message.find(std::string("not for ") + architecture) != std::string::npos);
    CHECK(compiled.error().message.find("sm_90,") != std::string::npos);
  }
  for (const char* architecture : {"sm_80", "sm_90", "sm_90a"}) CHECK(nvrtc->compile({.name = "small.cu", .text = kSmall, .architecture = architecture}).has_value());
}

TEST_CASE("a damaged cubin is an error or another report, never a crash") {
  CHECK_FALSE(read_cubin({}).has_value());
  const auto nvrtc = nvrtc_or_skip();
  if (!nvrtc) return;
  const auto small = nvrtc->compile({"small.cu", kSmall, "sm_90a"});
  REQUIRE(small.has_value());
  for (std::size_t size = 0; size < small->cubin.size(); size += 13) CHECK_FALSE(read_cubin(std::span(small->cubin).first(size)).has_value());
  for (std::size_t i = 0; i < small->cubin.size(); ++i) {
    auto broken = small->cubin;
    broken[i] ^= std::byte{0xff};
    (void)read_cubin(broken);
  }
}

TEST_CASE("messages of ptxas that cost the overlap are found in a log") {
  CHECK(forbidden_message("ptxas info : (C7510) Potential Performance Loss: wgmma.mma_async serialized").starts_with("C7510"));
  CHECK(forbidden_message("ptxas info : (C7519) ...") == "C7519");
  CHECK(forbidden_message("ptxas info : C7500 C752 C75").empty());
  CHECK(spill_bytes_in("0 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads\n... 140 bytes spill stores") == 140);
  CHECK(spill_bytes_in("nothing") == 0);
}
