// The field's masks at 4096 x 4096, block 128: proof alone leaves no tile undecided that is not truly partial, and rewriting a mask
// changes neither its map nor its counts. The goldens of sparsity.
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "tests/tile/field_masks.h"

using namespace flexc;
using namespace flexc::test;

namespace {

struct Built {
  BlockMask mask;
  MaskReport report;
};

Built build(const Listed& mask, const std::string& text, MaskShape::Refine refine, MaskShape shape = {.batch = 1, .heads = 2, .q_len = kLength, .kv_len = kLength}) {
  static Engine engine;
  const auto variant = Variant::parse(text, {.name = "field.flex", .consts = mask.consts});
  INFO(text << (variant ? std::string() : variant.error().render()));
  REQUIRE(variant.has_value());
  const auto kernel = engine.compile(*variant, {.device = Device::oracle()});
  REQUIRE(kernel.has_value());
  const Data data(mask, *variant);
  Built built;
  shape.refine = refine, shape.cached = false;
  auto found = (*kernel)->block_mask(shape, data.captures, &built.report);
  INFO((found ? std::string() : found.error().message));
  REQUIRE(found.has_value());
  built.mask = std::move(*found);
  return built;
}

/// The entry's mask under another name, and a mask_mod that says the same in another way.
std::string rewritten(const char* entry, const char* mod) {
  std::string text = gallery_text(entry);
  for (std::size_t at = 0; (at = text.find("mask_mod", at)) != std::string::npos; at += 9) text.replace(at, 8, "base_mask");
  return text + "\n" + mod;
}

constexpr const char* kRewrites[] = {
    "def mask_mod(batch, head, row, col):\n    return base_mask(batch, head, row, col)\n",
    "def make(f):\n    def inner(b, h, q, k):\n        def deeper(x, y):\n            return f(b, h, x, y)\n        return deeper(q, k)\n    return inner\nmask_mod = make(base_mask)\n",
    "def mask_mod(b, h, q, k):\n    return ~(~base_mask(b, h, q, k))\n",
    "def mask_mod(b, h, q, k):\n    m = base_mask(b, h, q, k)\n    return ~(~m | ~m)\n",
    "def everything(b, h, q, k):\n    return k == k\nmask_mod = and_masks(everything, base_mask)\n",
    "def nothing(b, h, q, k):\n    return q != q\nmask_mod = or_masks(base_mask, nothing)\n",
    "def mask_mod(b, h, q, k):\n    return torch.where(base_mask(b, h, q, k), True, False)\n",
    "def mask_mod(b, h, q, k):\n    return base_mask(b, h, q + 3 - 3, k - 2 + 2)\n",
    "def mask_mod(b, h, q, k):\n    gap = q - k\n    return base_mask(b, h, k + gap, q - gap)\n",
    "def mask_mod(b, h, q, k):\n    return int(base_mask(b, h, q, k)) + 0 == 1\n",
    "def mask_mod(b, h, q, k):\n    if not base_mask(b, h, q, k):\n        return False\n    return True\n"};

}  // namespace

TEST_CASE("proof alone settles the field's masks") {
  // Each row stands in the documentation as it is found here.
  std::ifstream file(FLEXC_MASKS_TABLE);
  const std::string table((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (const Listed& mask : listed()) {
    const std::string text = gallery_text(mask.entry);
    const Built proved = build(mask, text, MaskShape::Refine::None), usual = build(mask, text, MaskShape::Refine::Default), exact = build(mask, text, MaskShape::Refine::Exact);
    const BlockMask::Counts found = proved.mask.counts(), truth = exact.mask.counts();
    INFO(mask.name);
    const auto tiles = static_cast<double>(truth.empty + truth.partial + truth.full);
    const std::int64_t undecided = found.partial - truth.partial;
    CHECK(static_cast<double>(undecided) <= mask.allowed * tiles);
    if (mask.allowed == 0) CHECK(proved.mask.runs == exact.mask.runs);
    CHECK(usual.mask.counts().partial - truth.partial <= undecided);
    CHECK(proved.report.pair_evaluations == 0);
    char row[200];
    std::snprintf(row, sizeof row, "| %s | %lld | %lld | %lld | %lld | %.2f | %s |", mask.name, static_cast<long long>(truth.empty), static_cast<long long>(truth.partial),
                  static_cast<long long>(truth.full), static_cast<long long>(undecided), static_cast<double>(proved.report.evaluations) / tiles, proved.report.method.c_str());
    std::puts(row);
    CHECK(table.find(row) != std::string::npos);
  }
}

TEST_CASE("striped shards of the field's masks are found in the same ways, and proved as well") {
  constexpr std::int64_t kRanks = 4;
  for (const Listed& mask : listed()) {
    const std::string text = gallery_text(mask.entry);
    const Built whole = build(mask, text, MaskShape::Refine::None);
    for (const auto& [rank_q, rank_kv] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {1, 3}, {3, 1}}) {
      INFO(mask.name << ", rows of rank " << rank_q << ", keys of rank " << rank_kv);
      const MaskShape shape{.batch = 1, .heads = 2, .q_len = kLength / kRanks, .kv_len = kLength / kRanks, .q_offset = rank_q, .kv_offset = rank_kv, .q_total = kLength, .kv_total = kLength,
                            .q_step = kRanks, .kv_step = kRanks, .block_q = 32, .block_kv = 32};
      const Built proved = build(mask, text, MaskShape::Refine::None, shape), exact = build(mask, text, MaskShape::Refine::Exact, shape);
      CHECK(proved.report.method == whole.report.method);
      // Of every fourth position few remainders occur, which ranges do not say: tiles of these two stay partial.
      const bool takes_remainders = std::string(mask.entry) == "natten_tiled" || std::string(mask.entry) == "dilated_window";
      if (!takes_remainders) CHECK(proved.mask.runs == exact.mask.runs);
      const BlockMask::Counts found = proved.mask.counts(), truth = exact.mask.counts();
      CHECK(static_cast<double>(found.partial - truth.partial) <= 0.2 * static_cast<double>(found.empty + found.partial + found.full));
    }
  }
}

TEST_CASE("rewriting a mask changes neither its map nor its counts") {
  int rewrites = 0;
  for (const Listed& mask : listed()) {
    const Built original = build(mask, gallery_text(mask.entry), MaskShape::Refine::None);
    for (const char* mod : kRewrites) {
      const std::string text = rewritten(mask.entry, mod);
      const Built other = build(mask, text, MaskShape::Refine::None);
      INFO(mask.name << "\n" << mod);
      CHECK(other.mask.runs == original.mask.runs);
      CHECK(other.mask.row_begin == original.mask.row_begin);
      CHECK(other.mask.counts() == original.mask.counts());
      ++rewrites;
    }
  }
  CHECK(rewrites >= 10 * static_cast<int>(listed().size()));
}

TEST_CASE("spellings of one mask") {
  const struct { const char* entry; std::vector<const char*> spellings; } groups[] = {
      {"causal",
       {"q_idx >= kv_idx", "~(q_idx < kv_idx)", "q_idx - kv_idx > -1", "kv_idx <= q_idx", "0 <= q_idx - kv_idx", "not kv_idx > q_idx", "q_idx + 7 >= kv_idx + 7", "kv_idx - q_idx < 1",
        "2 * q_idx >= 2 * kv_idx", "(q_idx > kv_idx) | (q_idx == kv_idx)", "torch.where(q_idx < kv_idx, False, True)", "-q_idx <= -kv_idx"}},
      {"sliding_window",
       {"(q_idx >= kv_idx) & (q_idx - kv_idx <= 1024)", "~((q_idx < kv_idx) | (q_idx - kv_idx > 1024))", "0 <= q_idx - kv_idx <= 1024", "(kv_idx <= q_idx) & (kv_idx + 1024 >= q_idx)",
        "(abs(q_idx - kv_idx) <= 1024) & (q_idx >= kv_idx)", "(q_idx >= kv_idx) and not (q_idx > kv_idx + 1024)", "(kv_idx - q_idx >= -1024) & ~(q_idx < kv_idx)",
        "(q_idx - 1024 <= kv_idx) & (kv_idx < q_idx + 1)", "(q_idx >= kv_idx) & (q_idx - kv_idx < 1025)", "torch.where(q_idx >= kv_idx, q_idx - kv_idx <= 1024, False)"}},
      {"prefix_lm",
       {"(kv_idx < 512) | (q_idx >= kv_idx)", "~((kv_idx >= 512) & (q_idx < kv_idx))", "torch.where(kv_idx < 512, True, q_idx >= kv_idx)", "(kv_idx <= 511) | (kv_idx <= q_idx)",
        "not (kv_idx >= 512 and kv_idx > q_idx)", "(512 > kv_idx) | (q_idx - kv_idx >= 0)", "kv_idx <= max(q_idx, 511)", "(kv_idx - 512 < 0) | (q_idx + 1 > kv_idx)",
        "(q_idx >= kv_idx) | ~(kv_idx > 511)", "(kv_idx < 512) or (kv_idx < q_idx + 1)"}}};
  for (const auto& group : groups) {
    Listed mask{group.entry, group.entry};
    if (mask.entry == std::string("prefix_lm")) mask.params = {{"prefix", 512}};
    const Built original = build(mask, gallery_text(group.entry), MaskShape::Refine::None);
    mask.params.clear();
    for (const char* spelling : group.spellings) {
      const Built other = build(mask, std::string("def mask_mod(b, h, q_idx, kv_idx):\n    return ") + spelling + "\n", MaskShape::Refine::None);
      INFO(spelling << ": " << other.mask.counts().partial << " partial, " << original.mask.counts().partial << " expected");
      CHECK(other.mask.runs == original.mask.runs);
    }
  }
}

TEST_CASE("goldens: causal 2048 is 46.875 % sparse, eight offsets 29.1015625 %") {
  Engine engine;
  const auto sparsity = [&](const char* entry, std::int64_t batch, const Captures& captures) {
    const auto kernel = engine.compile(*Variant::parse(gallery_text(entry)), {.device = Device::oracle()});
    const auto mask = (*kernel)->block_mask({.batch = batch, .heads = 1, .q_len = 2048, .kv_len = 2048}, captures);
    const BlockMask::Counts counts = mask->counts();
    return 100.0 * static_cast<double>(counts.empty) / static_cast<double>(counts.empty + counts.partial + counts.full);
  };
  CHECK(sparsity("causal", 1, {}) == 46.875);
  std::vector<std::int32_t> offset;
  for (int b = 0; b < 8; ++b) offset.push_back(b * 128);
  Captures captures;
  captures.set("offset", TensorView(offset.data(), i32, {8}));
  CHECK(sparsity("causal_offset", 8, captures) == 29.1015625);
}
