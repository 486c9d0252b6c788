// A fiber: a stack and a place to continue. All fibers of a machine run on the operating system's thread that runs the machine.
#pragma once
#include <cstddef>
#include <cstdint>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace flexc::model {

// Stacks with a guard page below each, mapped once and used again by every launch.
class FiberStacks {
 public:
  FiberStacks() = default;
  FiberStacks(const FiberStacks&) = delete;
  FiberStacks& operator=(const FiberStacks&) = delete;
  ~FiberStacks();

  // False where the system has no memory for them.
  bool reserve(size_t count);
  // The byte above the highest one of a stack.
  unsigned char* top(size_t index) const { return memory_ + (index + 1) * kStride; }

  static constexpr size_t kGuard = 4096;
  static constexpr size_t kStride = size_t{96} << 10;

 private:
  unsigned char* memory_ = nullptr;
  size_t count_ = 0;
};

// A context is what is needed to continue: on x86-64 the stack pointer, with the callee-saved registers on the stack.
struct FiberContext {
#if defined(__x86_64__)
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
};

// Prepares `context` to call entry(argument) on the stack that ends at `top`; entry must never return.
void make_fiber(FiberContext& context, unsigned char* top, void (*entry)(void*), void* argument);

// Saves the running context in `from` and continues `to`.
void switch_fiber(FiberContext& from, FiberContext& to);

}  // namespace flexc::model
