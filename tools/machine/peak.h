// The machine's peak of f32 multiply-adds, measured.
#pragma once

namespace flexc::machine {

/// GFLOP/s of the calling thread over about `seconds`, with the widest vectors it has; 0 where it has no fused multiply-add.
double measure_peak(double seconds);

}  // namespace flexc::machine
