// The masks in use in the field, with captures for them, at 4096 x 4096.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "flexc/flexc.h"
#include "flexc/gallery.h"
#include "flexc/io.h"

namespace flexc::test {

inline constexpr std::int64_t kLength = 4096, kDocuments = 500;

struct Listed {
  const char* name;
  const char* entry;
  std::map<std::string, std::string, std::less<>> consts = {};
  std::map<std::string, std::int64_t> params = {};
  bool documents = false, shuffled = false;  ///< 500 documents; their ids in no order
  double allowed = 0;                        ///< share of all tiles that may stay undecided beyond the truly partial
};

inline const std::vector<Listed>& listed() {
  static const std::vector<Listed> masks = {
      {"causal", "causal"},
      {"window 1024", "sliding_window", {}, {{"window", 1024}}},
      {"prefix 512", "prefix_lm", {}, {{"prefix", 512}}},
      {"sinks 64 or window", "attention_sinks", {}, {{"sinks", 64}, {"window", 1024}}},
      {"500 sorted documents", "document", {}, {}, true},
      {"document and causal with offsets", "document_causal", {}, {}, true},
      {"NATTEN 7x7 on 64x64", "natten", {{"WIDTH", "64"}, {"HEIGHT", "64"}}},
      {"NATTEN tiled", "natten_tiled", {{"WIDTH", "64"}, {"HEIGHT", "64"}}},
      {"NATTEN Morton", "natten_morton", {{"SIDE", "64"}}},
      {"sliding tile 2-D", "sliding_tile_2d", {{"CANVAS_H", "64"}, {"CANVAS_W", "64"}}},
      {"sliding tile 3-D", "sliding_tile_3d", {{"FRAMES", "16"}, {"CANVAS_H", "16"}, {"CANVAS_W", "16"}}},
      {"dilated 4", "dilated_window", {}, {{"dilation", 4}}},
      {"block diffusion", "block_diffusion"},
      {"500 documents in no order", "document", {}, {}, true, true, 0.01},
      {"vision cross-attention", "vision_cross_attention", {}, {}, false, false, 0.01},
  };
  return masks;
}

/// Captures of one mask, as 500 documents or by the gallery's makers.
struct Data {
  std::vector<std::int32_t> doc, starts;
  std::vector<Tensor> made;
  Captures captures;

  Data(const Listed& mask, const Variant& variant) {
    for (const auto& [name, value] : mask.params) captures.set_param(name, value);
    for (std::int64_t i = 0; mask.documents && i < kLength; ++i) {
      const std::int64_t id = i * kDocuments / kLength;
      doc.push_back(static_cast<std::int32_t>(mask.shuffled ? id * 197 % kDocuments : id));
      if (static_cast<std::int64_t>(starts.size()) == id) starts.push_back(static_cast<std::int32_t>(i));
    }
    for (const Variant::Capture& capture : variant.captures()) {
      if (mask.documents) {
        const bool is_doc = capture.name == "doc";
        captures.set(capture.name, TensorView(is_doc ? doc.data() : starts.data(), i32, {is_doc ? kLength : kDocuments}));
        continue;
      }
      auto tensor = make_capture(mask.entry, capture.name, capture.dims, {1, 2, 2, kLength, kLength, mask.consts}, 0);
      REQUIRE(tensor.has_value());
      made.push_back(std::move(*tensor));
      captures.set(capture.name, made.back().view());
    }
  }
};

inline std::string gallery_text(const char* entry) {
  const GalleryEntry* found = find_gallery_entry(entry);
  REQUIRE(found != nullptr);
  return std::string(found->text);
}

}  // namespace flexc::test
