#include "runtime/mask/verify_mask.h"

#include <algorithm>

#include <fmt/format.h>

namespace flexc::runtime {
namespace {

std::unexpected<Error> wrong(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

}  // namespace

Result<void> verify_mask(const BlockMask& mask, const MaskIdentity& identity, const tile::Program& program, const tile::Launch& launch, const BlockMask& frame) {
  if (mask.origin != std::array<std::uint64_t, 2>{}) {
    if (mask.origin == origin_of(identity.text(launch, frame))) return {};
    return wrong("the block mask was built from other captures, params or lengths than this call's, or by another mask_mod; build it anew with block_mask");
  }
  BlockMask wanted = frame;
  wanted.block_q = mask.block_q, wanted.block_kv = mask.block_kv;
  const auto exact = tile::classify(program, launch, wanted, {.refine = tile::Refine::Exact});
  if (!exact) return std::unexpected(exact.error());
  const std::vector<std::uint8_t> given = mask.dense(), truth = exact->dense();
  const std::int64_t rows = mask.q_blocks(), columns = mask.kv_blocks();
  const auto place = [&](const BlockMask& of, std::int64_t b, std::int64_t h) {
    return ((of.batches == 1 ? 0 : b) * of.heads + (of.heads == 1 ? 0 : h)) * rows * columns;
  };
  for (std::int64_t b = 0; b < std::max(mask.batches, exact->batches); ++b)
    for (std::int64_t h = 0; h < std::max(mask.heads, exact->heads); ++h)
      for (std::int64_t tile = 0; tile < rows * columns; ++tile) {
        const auto called = static_cast<TileKind>(given[static_cast<std::size_t>(place(mask, b, h) + tile)]), is = static_cast<TileKind>(truth[static_cast<std::size_t>(place(*exact, b, h) + tile)]);
        if (called == TileKind::Partial || called == is) continue;
        return wrong(fmt::format("the block mask does not belong to this call: it calls the tile of batch {}, head {}, q-block {}, kv-block {} {}", b, h, tile / columns, tile % columns,
                                 called == TileKind::Empty ? "empty, but pairs in it are kept" : "full, but pairs in it are removed"));
      }
  return {};
}

}  // namespace flexc::runtime
