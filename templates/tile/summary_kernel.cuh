// The kernel that summarises captures: one thread a result. Its text runs on the host model too.
#pragma once
#include "templates/hopper/primitives.cuh"
#include "templates/tile/summaries.cuh"

namespace flexc::device {

inline constexpr u32 kSummaryThreads = 128;  // of a CTA

}  // namespace flexc::device

FLEXC_KERNEL(flexc::device::kSummaryThreads)
flexc_tile_summaries(FLEXC_ARGUMENT flexc::tile::SummaryWork work) {
  using namespace flexc::device;
  using flexc::tile::SummaryWork;
  namespace summaries = flexc::tile::summaries;
  const i64 threads = static_cast<i64>(block_count()) * kSummaryThreads;
  for (i64 i = static_cast<i64>(block_index()) * kSummaryThreads + thread_index(); i < work.count; i += threads) {
    if (work.kind == SummaryWork::kSignatures) {
      summaries::make_signature(work, i);
    } else if (work.kind == SummaryWork::kSignaturesAbove) {
      summaries::join_signatures(work, i);
    } else if (summaries::is_float(work.capture.dtype)) {
      summaries::make_bounds<flexc::tile::FloatRange>(work, i);
    } else {
      summaries::make_bounds<flexc::tile::IntRange>(work, i);
      if (work.kind != SummaryWork::kRuns) continue;
      const u32 falls = summaries::falls_in_run(work.capture, i);
      if (falls != 0) atomic_add(SITE(line_falls), work.falls, falls);
    }
  }
}
