// A block mask changes no bit: for the field's masks, outputs and lse without one, and with refine=none, default and exact, in blocks of several sizes, are
// equal to the bit, on the CPU and on the host model; odd lengths, grouped heads. A block mask with one tile wrong is noticed on both.
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flexc/flexc.h"
#include "flexc/gallery.h"
#include "flexc/io.h"
#include "flexc/random.h"

using namespace flexc;

namespace {

constexpr std::int64_t kBatch = 1, kHeads = 2, kKvHeads = 1, kQ = 201, kKv = 331, kDim = 64;

struct Listed {
  const char* name;
  const char* entry;
  std::map<std::string, std::string, std::less<>> consts = {};
  std::map<std::string, std::int64_t> params = {};
  bool shuffled = false;                     ///< documents of 40 in no order
  std::int64_t q_offset = 0, kv_offset = 0;
  enum class Band { None, Beside, All } band = Band::None;  ///< whether a band says a part of the mask, or all: the Hopper kernel then reads no block mask
};

const std::vector<Listed>& listed() {
  static const std::vector<Listed> masks = {
      {"causal", "causal", {}, {}, false, 130, 0, Listed::Band::All},
      {"window", "sliding_window", {}, {{"window", 50}}, false, 100, 30, Listed::Band::All},
      {"prefix", "prefix_lm", {}, {{"prefix", 70}}, false, 0, 0, Listed::Band::All},
      {"sinks or window", "attention_sinks", {}, {{"sinks", 5}, {"window", 40}}, false, 0, 0, Listed::Band::All},
      {"documents", "document"},
      {"documents in no order", "document", {}, {}, true},
      {"document and causal with offsets", "document_causal", {}, {}, false, 0, 0, Listed::Band::Beside},
      {"NATTEN", "natten", {{"WIDTH", "18"}, {"HEIGHT", "18"}}},
      {"NATTEN tiled", "natten_tiled", {{"WIDTH", "16"}, {"HEIGHT", "16"}}},
      {"NATTEN Morton", "natten_morton", {{"SIDE", "16"}}},
      {"sliding tile 2-D", "sliding_tile_2d", {{"CANVAS_H", "16"}, {"CANVAS_W", "24"}}},
      {"sliding tile 3-D", "sliding_tile_3d", {{"FRAMES", "8"}, {"CANVAS_H", "8"}, {"CANVAS_W", "8"}}},
      {"dilated", "dilated_window", {}, {{"dilation", 4}}},
      {"block diffusion", "block_diffusion"},
      {"vision cross-attention", "vision_cross_attention"},
      {"top-k tiles", "topk_tiles", {}, {}, false, 0, 0, Listed::Band::Beside},
  };
  return masks;
}

/// One call with its tensors, and room for two answers.
struct Call {
  Tensor q, k, v, out, lse;
  std::vector<std::int32_t> doc;
  std::vector<Tensor> made;
  Captures captures;
  MaskShape shape{.batch = kBatch, .heads = kHeads, .q_len = kQ, .kv_len = kKv, .kv_heads = kKvHeads, .cached = false};

  Call(const Listed& mask, const Variant& variant, DType dtype)
      : q(dtype, {kBatch, kHeads, kQ, kDim}), k(dtype, {kBatch, kKvHeads, kKv, kDim}), v(dtype, {kBatch, kKvHeads, kKv, kDim}), out(dtype, {kBatch, kHeads, kQ, kDim}), lse(f32, {kBatch, kHeads, kQ}) {
    fill_normal(q.view(), 3, "q"), fill_normal(k.view(), 3, "k"), fill_normal(v.view(), 3, "v");
    shape.q_offset = mask.q_offset, shape.kv_offset = mask.kv_offset;
    for (const auto& [name, value] : mask.params) captures.set_param(name, value);
    for (const Variant::Capture& capture : variant.captures()) {
      if (mask.shuffled) {
        for (std::int64_t i = 0; i < kKv; ++i) doc.push_back(static_cast<std::int32_t>(i / 40 * 5 % 9));
        captures.set(capture.name, TensorView(doc.data(), i32, {kKv}));
        continue;
      }
      auto tensor = make_capture(mask.entry, capture.name, capture.dims, {kBatch, kHeads, kKvHeads, kQ + mask.q_offset, kKv + mask.kv_offset, mask.consts}, 0);
      REQUIRE(tensor.has_value());
      made.push_back(std::move(*tensor));
      captures.set(capture.name, made.back().view());
    }
  }

  /// The bytes of out and lse.
  std::vector<std::byte> bits(const Kernel& kernel, const BlockMask* mask) {
    RunArguments arguments{.q = q.view(), .k = k.view(), .v = v.view(), .out = out.view(), .lse = lse.view(), .captures = captures, .mask = mask};
    arguments.q_offset = shape.q_offset, arguments.kv_offset = shape.kv_offset;
    const auto status = kernel.run(arguments);
    INFO((status ? std::string() : status.error().message));
    REQUIRE(status.has_value());
    std::vector<std::byte> bytes(out.byte_count() + lse.byte_count());
    std::memcpy(bytes.data(), out.data(), out.byte_count());
    std::memcpy(bytes.data() + out.byte_count(), lse.data(), lse.byte_count());
    return bytes;
  }
};

/// The first tile of that kind, not in the last column (at the end of the keys the Hopper kernel masks whatever it is told), whose row has other tiles too.
std::optional<std::size_t> falsifiable(const BlockMask& mask, const std::vector<std::uint8_t>& dense, TileKind kind) {
  const auto columns = static_cast<std::size_t>(mask.kv_blocks());
  for (std::size_t tile = 0; tile < dense.size(); ++tile) {
    const std::size_t row = tile / columns;
    std::size_t others = 0;
    for (std::size_t column = 0; column < columns; ++column) others += row * columns + column != tile && dense[row * columns + column] != 0;
    if (static_cast<TileKind>(dense[tile]) == kind && tile % columns + 1 != columns && others > 0) return tile;
  }
  return std::nullopt;
}

struct Faults {
  int planted = 0, noticed = 0;
};

void holds(Engine& engine, const Listed& mask, Device device, DType dtype, std::vector<std::pair<std::int32_t, std::int32_t>> blocks, Faults& faults) {
  const auto variant = Variant::parse(std::string(find_gallery_entry(mask.entry)->text), {.name = mask.entry, .consts = mask.consts});
  REQUIRE(variant.has_value());
  const auto kernel = engine.compile(*variant, {.dtype = dtype, .head_dim = kDim, .device = device});
  INFO(mask.name << " on " << name_of(device) << (kernel ? std::string() : kernel.error().error.message));
  REQUIRE(kernel.has_value());
  Call call(mask, *variant, dtype);
  const auto without = call.bits(**kernel, nullptr);
  std::optional<BlockMask> exact;  // in the last blocks
  for (const auto& [block_q, block_kv] : blocks) {
    call.shape.block_q = block_q, call.shape.block_kv = block_kv;
    for (const auto refine : {MaskShape::Refine::None, MaskShape::Refine::Default, MaskShape::Refine::Exact}) {
      call.shape.refine = refine;
      const auto built = (*kernel)->block_mask(call.shape, call.captures);
      REQUIRE(built.has_value());
      INFO("refine " << static_cast<int>(refine) << ", blocks " << block_q << " x " << block_kv);
      CHECK(call.bits(**kernel, &*built) == without);
      if (refine == MaskShape::Refine::Exact) exact = *built;
    }
  }
  if (mask.band == Listed::Band::All) return;
  // A tile left out; one that is kept whole without being asked.
  const std::vector<std::uint8_t> dense = exact->dense();
  for (const auto& [is, becomes] : {std::pair{TileKind::Partial, TileKind::Empty}, {TileKind::Full, TileKind::Empty}, {TileKind::Partial, TileKind::Full}, {TileKind::Empty, TileKind::Full}}) {
    const auto tile = falsifiable(*exact, dense, is);
    // The CPU asks the band first, whatever the block mask says of columns outside of it.
    if (!tile || (is == TileKind::Empty && mask.band == Listed::Band::Beside && device.kind == Device::Kind::Cpu)) continue;
    auto falsified = dense;
    falsified[*tile] = static_cast<std::uint8_t>(becomes);
    const BlockMask wrong = BlockMask::from_dense(*exact, falsified);
    ++faults.planted;
    INFO("tile " << *tile << " of kind " << static_cast<int>(is) << " is called " << static_cast<int>(becomes));
    const bool noticed = call.bits(**kernel, &wrong) != without;
    CHECK(noticed);
    faults.noticed += noticed;
  }
}

}  // namespace

TEST_CASE("the field's masks: refine off, none, default and exact give the same bits on the CPU") {
  Engine engine;
  Faults faults;
  for (const Listed& mask : listed()) holds(engine, mask, Device::cpu(), f32, {{16, 16}, {64, 32}, {128, 128}}, faults);
  CHECK(faults.planted >= 20);
  WARN("refine bits on the CPU: " << listed().size() << " masks equal, " << faults.noticed << " of " << faults.planted << " false tiles noticed");
}

TEST_CASE("the field's masks: refine off, none, default and exact give the same bits on the host model") {
  Engine engine;
  Faults faults;
  for (const Listed& mask : listed()) holds(engine, mask, Device::model(), bf16, {{50, 40}, {128, 128}}, faults);
  CHECK(faults.planted >= 20);
  WARN("refine bits on the host model: " << listed().size() << " masks equal, " << faults.noticed << " of " << faults.planted << " false tiles noticed");
}
