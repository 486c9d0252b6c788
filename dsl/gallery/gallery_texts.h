// The embedded texts of dsl/gallery/*.flex, generated at build time.
#pragma once

#include <cstddef>
#include <string_view>

namespace flexc::dsl {

struct GalleryText {
  std::string_view name, text;
};
extern const GalleryText kGalleryTexts[];
extern const std::size_t kGalleryTextCount;

}  // namespace flexc::dsl
