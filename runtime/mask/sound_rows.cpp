#include "runtime/mask/sound_rows.h"

namespace flexc::runtime {

bool has_sound_rows(const BlockMask& mask) {
  const std::int64_t kv_blocks = mask.kv_blocks();
  for (std::size_t row = 0; row + 1 < mask.row_begin.size(); ++row) {
    const std::uint64_t begin = mask.row_begin[row], end = mask.row_begin[row + 1];
    if (begin > end || end > mask.runs.size()) return false;
    std::int64_t before = 0;  // where the last run ended
    for (std::uint64_t i = begin; i < end; ++i) {
      const TileRun& run = mask.runs[i];
      if (run.first < before || run.count == 0 || run.kind > TileKind::Full) return false;
      before = std::int64_t{run.first} + run.count;
    }
    if (before > kv_blocks) return false;
  }
  return true;
}

}  // namespace flexc::runtime
