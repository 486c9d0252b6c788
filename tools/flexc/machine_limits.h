// The machine's limits beside a benchmark: peaks of all threads at once, and threads that stay on their CPUs.
#pragma once

namespace flexc::cli {

/// Binds each thread that this process has now to one CPU of those it may use, in the order of their ids; false where the system does not
/// let it. What is measured with threads that the scheduler moves about differs by up to a factor of two.
bool pin_threads();

/// f32 multiply-adds of `threads` threads together, in GFLOP/s; 0 where it cannot be told. Takes about 20 ms.
double peak_gflops(int threads);

/// Bytes a second that `threads` threads read from memory together. Takes about a tenth of a second; 0 where memory is missing.
double read_bytes_per_second(int threads);

}  // namespace flexc::cli
