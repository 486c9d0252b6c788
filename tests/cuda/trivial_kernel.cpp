// What NVRTC takes for a kernel that does nothing, in a fresh process: the yardstick for cold compilations. Prints "OPEN COMPILE" in milliseconds.
#include <chrono>
#include <cstdio>

#include "runtime/cuda/nvrtc.h"

int main() {
  using Clock = std::chrono::steady_clock;
  const auto milliseconds = [](Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double, std::milli>(to - from).count(); };
  const auto start = Clock::now();
  const auto nvrtc = flexc::runtime::Nvrtc::open();
  if (!nvrtc) return std::fprintf(stderr, "%s\n", nvrtc.error().message.c_str()), 3;
  const auto opened = Clock::now();
  const auto binary = nvrtc->compile({"trivial.cu", "extern \"C\" __global__ void trivial(float* out) { out[threadIdx.x] = 1.0f; }"});
  if (!binary) return std::fprintf(stderr, "%s\n", binary.error().message.c_str()), 1;
  std::printf("%.1f %.1f\n", milliseconds(start, opened), milliseconds(opened, Clock::now()));
}
