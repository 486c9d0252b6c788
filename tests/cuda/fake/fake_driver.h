// A stand-in for libcuda.so.1, for tests: it checks what it is asked, records the calls, and can fail at any of them. "The GPU's memory" is the host's. A
// launch runs nothing, unless a kernel that was compiled for the host model stands in for the machine code.
#pragma once

#include <cstddef>

extern "C" {

/// What is still held; all 0 once everything was given back.
struct FlexcFakeHeld {
  int contexts, modules, allocations, stream_allocations, events, pushed;
};

/// Forgets everything: calls, violations, failures, capability, kernel, and memory of streams that was not freed. What else is held stays held.
void flexc_fake_reset();
/// The `number`-th call (from 1) of `function` from now on returns `status` and does nothing.
void flexc_fake_fail(const char* function, int number, int status);
/// One name a line.
const char* flexc_fake_calls();
/// What the caller did wrong, one sentence a line; empty is well.
const char* flexc_fake_violations();
FlexcFakeHeld flexc_fake_held();
void flexc_fake_capability(int major, int minor);
/// Whether the work of flexc_fake_stream() is being captured into a graph. It runs all the same; a copy from the host's memory, which need not last, is wrong.
void flexc_fake_capture(bool is_on);
/// Runs launches on the host model: an entry as templates/model/simulator.h has it, whose argument is {flexc_hopper_arguments, const void* params};
/// of the plain kernel {flexc_simt_arguments, const void* params}.
void flexc_fake_kernel(void (*entry)(void* machine, void* arguments));
/// The same for the kernel of this name. One of a single argument is given that; others are called as flexc_fake_kernel's. The plain kernel (flexc_attention_simt)
/// runs only by an entry of its own.
void flexc_fake_entry(const char* kernel, void (*entry)(void* machine, void* argument));
/// Bytes that were copied to the host out of `bytes` bytes at `address`, since the last reset.
std::size_t flexc_fake_copied_out(const void* address, std::size_t bytes);
/// A stream that calls may name.
void* flexc_fake_stream();
}
