#include "flexc/gallery.h"

#include <algorithm>

#include "dsl/gallery/gallery_texts.h"
#include "dsl/syntax/names.h"

namespace flexc {
namespace {

constexpr std::string_view kExampleMark = "example: ";

/// Takes the next line off `text`, without "# ".
std::string_view take_comment(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.starts_with("# ")) return {};
  return line.substr(2);
}

std::vector<GalleryEntry> read_texts() {
  std::vector<GalleryEntry> entries;
  entries.reserve(dsl::kGalleryTextCount);
  for (std::size_t i = 0; i < dsl::kGalleryTextCount; ++i) {
    const dsl::GalleryText& source = dsl::kGalleryTexts[i];
    std::string_view rest = source.text;
    const std::string_view description = take_comment(rest);
    std::string_view example = take_comment(rest);
    if (example.starts_with(kExampleMark)) example.remove_prefix(kExampleMark.size());
    entries.push_back({source.name, description, example, source.text});
  }
  std::ranges::sort(entries, {}, &GalleryEntry::name);
  return entries;
}

}  // namespace

std::span<const GalleryEntry> gallery() {
  static const std::vector<GalleryEntry> entries = read_texts();  // constant once made
  return entries;
}

const GalleryEntry* find_gallery_entry(std::string_view name) {
  for (const GalleryEntry& entry : gallery())
    if (entry.name == name) return &entry;
  return nullptr;
}

std::string_view suggest(std::string_view name, std::span<const std::string_view> candidates) {
  return dsl::nearest_name(name, candidates);
}

}  // namespace flexc
