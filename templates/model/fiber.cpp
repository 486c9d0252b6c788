#include "fiber.h"

#include <sys/mman.h>

namespace flexc::model {

FiberStacks::~FiberStacks() {
  if (memory_ != nullptr) munmap(memory_, count_ * kStride);
}

bool FiberStacks::reserve(size_t count) {
  if (count <= count_) return true;
  void* memory = mmap(nullptr, count * kStride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  if (memory_ != nullptr) munmap(memory_, count_ * kStride);
  memory_ = static_cast<unsigned char*>(memory);
  count_ = count;
  for (size_t i = 0; i < count; ++i) {
    if (mprotect(memory_ + i * kStride, kGuard, PROT_NONE) != 0) return false;
  }
  return true;
}

#if defined(__x86_64__)
// ucontext's swap makes a system call for the signal mask, which would cost more than all else here. This one saves what the
// System V ABI says that a callee keeps, and nothing more: no fiber changes the floating-point control words.
extern "C" void flexc_model_switch(void** from, void* to);
extern "C" void flexc_model_start();
asm(R"(
  .text
  .p2align 4
  .type flexc_model_switch, @function
  .hidden flexc_model_switch
  .globl flexc_model_switch
flexc_model_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size flexc_model_switch, .-flexc_model_switch
  .p2align 4
  .type flexc_model_start, @function
  .hidden flexc_model_start
  .globl flexc_model_start
flexc_model_start:
  movq %r12, %rdi
  xorl %ebp, %ebp
  call *%r13
  ud2
  .size flexc_model_start, .-flexc_model_start
)");

void make_fiber(FiberContext& context, unsigned char* top, void (*entry)(void*), void* argument) {
  auto* slot = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15});
  *--slot = nullptr;  // keeps the stack aligned where flexc_model_start calls
  *--slot = nullptr;
  *--slot = reinterpret_cast<void*>(&flexc_model_start);
  *--slot = nullptr;                         // rbp
  *--slot = nullptr;                         // rbx
  *--slot = argument;                        // r12
  *--slot = reinterpret_cast<void*>(entry);  // r13
  *--slot = nullptr;                         // r14
  *--slot = nullptr;                         // r15
  context.stack_pointer = slot;
}

void switch_fiber(FiberContext& from, FiberContext& to) { flexc_model_switch(&from.stack_pointer, to.stack_pointer); }

#else
namespace {
// makecontext passes ints only.
void start(unsigned entry_high, unsigned entry_low, unsigned argument_high, unsigned argument_low) {
  auto join = [](unsigned high, unsigned low) { return (static_cast<uintptr_t>(high) << 16 << 16) | low; };
  reinterpret_cast<void (*)(void*)>(join(entry_high, entry_low))(reinterpret_cast<void*>(join(argument_high, argument_low)));
}
}  // namespace

void make_fiber(FiberContext& context, unsigned char* top, void (*entry)(void*), void* argument) {
  getcontext(&context.context);
  constexpr size_t usable = FiberStacks::kStride - FiberStacks::kGuard;
  context.context.uc_stack.ss_sp = top - usable;
  context.context.uc_stack.ss_size = usable;
  context.context.uc_link = nullptr;
  const auto e = reinterpret_cast<uintptr_t>(entry), a = reinterpret_cast<uintptr_t>(argument);
  makecontext(&context.context, reinterpret_cast<void (*)()>(&start), 4, static_cast<unsigned>(e >> 16 >> 16), static_cast<unsigned>(e),
              static_cast<unsigned>(a >> 16 >> 16), static_cast<unsigned>(a));
}

void switch_fiber(FiberContext& from, FiberContext& to) { swapcontext(&from.context, &to.context); }
#endif

}  // namespace flexc::model
