#include "runtime/cuda/loader_search.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace flexc::runtime {
namespace {

constexpr const char* kCacheFile = "/etc/ld.so.cache";
constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
constexpr std::size_t kHeader = 48, kCountAt = 20, kEntry = 24, kNameAt = 4, kPathAt = 8;  // of glibc's dl-cache.h
constexpr std::string_view kDefaultFolders[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};

bool is_file(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

std::vector<std::byte> bytes_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::uint32_t word_at(std::span<const std::byte> bytes, std::size_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + offset, sizeof word);
  return word;
}

std::string_view text_at(std::span<const std::byte> bytes, std::size_t offset) {
  if (offset >= bytes.size()) return {};
  const auto* begin = reinterpret_cast<const char*>(bytes.data() + offset);
  return {begin, ::strnlen(begin, bytes.size() - offset)};
}

}  // namespace

std::string path_in_loader_cache(std::span<const std::byte> cache, std::string_view name) {
  if (cache.size() < kHeader || text_at(cache, 0).substr(0, kMagic.size()) != kMagic) return {};
  const std::size_t most = (cache.size() - kHeader) / kEntry, count = std::min<std::size_t>(word_at(cache, kCountAt), most);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = kHeader + i * kEntry;
    if (text_at(cache, word_at(cache, entry + kNameAt)) == name) return std::string(text_at(cache, word_at(cache, entry + kPathAt)));
  }
  return {};
}

std::string find_library(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return is_file(std::string(name)) ? std::string(name) : "";
  if (const char* folders = std::getenv("LD_LIBRARY_PATH")) {
    for (std::string_view left = folders; !left.empty();) {
      const std::size_t end = std::min(left.find_first_of(":;"), left.size());
      if (const std::string path = std::string(left.substr(0, end)) + "/" + std::string(name); end > 0 && is_file(path)) return path;
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  }
  if (const std::string path = path_in_loader_cache(bytes_of(kCacheFile), name); !path.empty() && is_file(path)) return path;
  for (const std::string_view folder : kDefaultFolders)
    if (const std::string path = std::string(folder) + "/" + std::string(name); is_file(path)) return path;
  return {};
}

}  // namespace flexc::runtime
