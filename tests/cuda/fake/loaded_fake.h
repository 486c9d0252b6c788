// The stand-in driver as a test sees it: loaded where flexc finds it, and asked what it saw.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/cuda/fake/fake_driver.h"

namespace flexc::test {

/// The stand-in's own functions; it stays loaded as long as this process lives.
struct Fake {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  template <class Function>
  Function* find(const char* name) const {
    void* const symbol = library != nullptr ? dlsym(library, name) : nullptr;
    if (symbol == nullptr) std::fprintf(stderr, "the stand-in driver is not the libcuda.so.1 that is found, or lacks %s\n", name), std::abort();
    return reinterpret_cast<Function*>(symbol);
  }
  void reset() const { find<decltype(flexc_fake_reset)>("flexc_fake_reset")(); }
  void fail(const char* function, int number, int status) const { find<decltype(flexc_fake_fail)>("flexc_fake_fail")(function, number, status); }
  std::string calls() const { return find<decltype(flexc_fake_calls)>("flexc_fake_calls")(); }
  std::string violations() const { return find<decltype(flexc_fake_violations)>("flexc_fake_violations")(); }
  void capability(int major, int minor) const { find<decltype(flexc_fake_capability)>("flexc_fake_capability")(major, minor); }
  void capture(bool is_on) const { find<decltype(flexc_fake_capture)>("flexc_fake_capture")(is_on); }
  void kernel(void* entry) const { find<decltype(flexc_fake_kernel)>("flexc_fake_kernel")(reinterpret_cast<void (*)(void*, void*)>(entry)); }
  void entry(const char* kernel, void* entry) const { find<decltype(flexc_fake_entry)>("flexc_fake_entry")(kernel, reinterpret_cast<void (*)(void*, void*)>(entry)); }
  std::size_t copied_out(const void* address, std::size_t bytes) const { return find<decltype(flexc_fake_copied_out)>("flexc_fake_copied_out")(address, bytes); }
  void* stream() const { return find<decltype(flexc_fake_stream)>("flexc_fake_stream")(); }
  /// What is held, as text: "" for nothing.
  std::string held() const {
    const FlexcFakeHeld h = find<decltype(flexc_fake_held)>("flexc_fake_held")();
    if (h.contexts == 0 && h.modules == 0 && h.allocations == 0 && h.stream_allocations == 0 && h.events == 0 && h.pushed == 0) return "";
    return "contexts " + std::to_string(h.contexts) + ", modules " + std::to_string(h.modules) + ", allocations " + std::to_string(h.allocations) + ", stream allocations " +
           std::to_string(h.stream_allocations) + ", events " + std::to_string(h.events) + ", pushed " + std::to_string(h.pushed);
  }
};
inline const Fake& fake() {
  static const Fake one;
  return one;
}

/// How often a function was called.
inline int count_of(const std::string& calls, const std::string& name) {
  int count = 0;
  for (std::size_t at = 0; (at = calls.find(name + "\n", at)) != std::string::npos; ++at) count += at == 0 || calls[at - 1] == '\n';
  return count;
}

}  // namespace flexc::test
