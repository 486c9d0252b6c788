#include "runtime/mask/mask_bytes.h"

#include <bit>
#include <cstring>

#include "runtime/mask/sound_rows.h"

namespace flexc::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "fields are copied as they are");

/// All numbers of a payload before its rows and runs.
struct Header {
  std::int64_t batches, heads, q_len, kv_len, q_offset, kv_offset, q_step, kv_step, block_q, block_kv;
  std::int64_t kept_pairs, evaluations, pair_evaluations;
  std::uint64_t method, budget_exhausted, rows, runs;
};
static_assert(sizeof(Header) == 17 * 8);

/// A run: first, count, kind.
constexpr std::size_t kRunBytes = 9;

template <class T>
void put(std::byte*& to, const T& value) {
  std::memcpy(to, &value, sizeof value);
  to += sizeof value;
}

template <class T>
T take(std::span<const std::byte>& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes = bytes.subspan(sizeof value);
  return value;
}

/// As masks are built: of sound rows without runs of empty tiles, and neighbours of one kind are merged.
bool is_whole(const BlockMask& mask) {
  if (mask.row_begin.front() != 0 || mask.row_begin.back() != mask.runs.size() || !has_sound_rows(mask)) return false;
  for (std::size_t row = 0; row + 1 < mask.row_begin.size(); ++row) {
    std::uint64_t end = 0;
    TileKind before = TileKind::Empty;
    for (std::uint64_t i = mask.row_begin[row]; i < mask.row_begin[row + 1]; ++i) {
      const TileRun& run = mask.runs[i];
      if (run.kind == TileKind::Empty || (run.first == end && run.kind == before)) return false;
      end = std::uint64_t{run.first} + run.count;
      before = run.kind;
    }
  }
  return true;
}

}  // namespace

std::vector<std::byte> mask_bytes(const BuiltMask& built) {
  const auto& [mask, report] = built;
  std::vector<std::byte> bytes(sizeof(Header) + mask.row_begin.size() * sizeof(std::uint64_t) + mask.runs.size() * kRunBytes);
  std::byte* to = bytes.data();
  put(to, Header{mask.batches, mask.heads, mask.q_len, mask.kv_len, mask.q_offset, mask.kv_offset, mask.q_step, mask.kv_step, mask.block_q, mask.block_kv,
                 report.kept_pairs, report.effort.evaluations, report.effort.pair_evaluations, static_cast<std::uint64_t>(report.method), report.budget_exhausted ? 1u : 0u,
                 mask.row_begin.size(), mask.runs.size()});
  for (const std::uint64_t begin : mask.row_begin) put(to, begin);
  for (const TileRun& run : mask.runs) {
    put(to, run.first);
    put(to, run.count);
    put(to, run.kind);
  }
  return bytes;
}

std::optional<BuiltMask> mask_of_bytes(std::span<const std::byte> bytes, const BlockMask& frame) {
  if (bytes.size() < sizeof(Header)) return std::nullopt;
  const auto header = take<Header>(bytes);
  BuiltMask built;
  BlockMask& mask = built.mask;
  mask = frame;
  mask.row_begin.clear();
  mask.runs.clear();
  const auto stored = [](std::int64_t extent, std::int64_t call) { return extent == 1 || extent == call; };
  if (!stored(header.batches, frame.batches) || !stored(header.heads, frame.heads)) return std::nullopt;
  mask.batches = header.batches, mask.heads = header.heads;
  if (header.q_len != frame.q_len || header.kv_len != frame.kv_len || header.q_offset != frame.q_offset || header.kv_offset != frame.kv_offset ||
      header.q_step != frame.q_step || header.kv_step != frame.kv_step || header.block_q != frame.block_q || header.block_kv != frame.block_kv)
    return std::nullopt;
  // Counts are compared with the bytes that there are before anything is allocated for them.
  if (header.rows != static_cast<std::uint64_t>(mask.rows()) + 1 || bytes.size() / sizeof(std::uint64_t) < header.rows) return std::nullopt;
  const std::size_t rest = bytes.size() - header.rows * sizeof(std::uint64_t);
  if (rest % kRunBytes != 0 || rest / kRunBytes != header.runs) return std::nullopt;
  if (header.method > static_cast<std::uint64_t>(tile::Method::Descent) || header.budget_exhausted > 1) return std::nullopt;
  mask.row_begin.resize(header.rows);
  for (std::uint64_t& begin : mask.row_begin) begin = take<std::uint64_t>(bytes);
  mask.runs.resize(header.runs);
  for (TileRun& run : mask.runs) {
    run.first = take<std::uint32_t>(bytes);
    run.count = take<std::uint32_t>(bytes);
    run.kind = take<TileKind>(bytes);
  }
  if (!is_whole(mask)) return std::nullopt;
  tile::ClassifyReport& report = built.report;
  report.kept_pairs = header.kept_pairs;
  report.effort = {header.evaluations, header.pair_evaluations};
  report.method = static_cast<tile::Method>(header.method);
  report.budget_exhausted = header.budget_exhausted != 0;
  return built;
}

}  // namespace flexc::runtime
