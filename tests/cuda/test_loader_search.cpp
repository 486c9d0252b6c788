// The loader's cache, read without the loader: a file made here, and every damage to it.
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/loader_search.h"

using namespace flexc::runtime;

namespace {

/// A cache with two libraries: the format of glibc's dl-cache.h.
std::vector<std::byte> loader_cache() {
  constexpr std::size_t kHeader = 48, kEntry = 24, kEntries = 2;
  std::string text("glibc-ld.so.cache1.1");
  text.resize(kHeader + kEntries * kEntry);
  const auto put = [&text](std::size_t offset, std::uint32_t value) { std::memcpy(text.data() + offset, &value, sizeof value); };
  const auto add = [&text](std::string_view name) {
    const auto at = static_cast<std::uint32_t>(text.size());
    text += name;
    text += '\0';
    return at;
  };
  put(20, kEntries);
  const std::string_view names[kEntries] = {"libone.so", "libtwo.so.2"}, paths[kEntries] = {"/lib/libone.so", "/opt/libtwo.so.2"};
  for (std::size_t i = 0; i < kEntries; ++i) {
    const std::uint32_t name = add(names[i]), path = add(paths[i]);
    put(kHeader + i * kEntry + 4, name);
    put(kHeader + i * kEntry + 8, path);
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {bytes, bytes + text.size()};
}

}  // namespace

TEST_CASE("a name's path is found in the loader's cache") {
  const auto cache = loader_cache();
  CHECK(path_in_loader_cache(cache, "libone.so") == "/lib/libone.so");
  CHECK(path_in_loader_cache(cache, "libtwo.so.2") == "/opt/libtwo.so.2");
  CHECK(path_in_loader_cache(cache, "libtwo.so").empty());
  CHECK(path_in_loader_cache({}, "libone.so").empty());
}

TEST_CASE("a damaged cache of the loader gives nothing, or another text, and no byte beyond it is read") {
  const auto cache = loader_cache();
  for (std::size_t size = 0; size < cache.size(); ++size) {
    const std::vector<std::byte> cut(cache.begin(), cache.begin() + static_cast<std::ptrdiff_t>(size));
    (void)path_in_loader_cache(cut, "libtwo.so.2");
  }
  for (std::size_t i = 0; i < cache.size(); ++i) {
    auto broken = cache;
    broken[i] ^= std::byte{0xff};
    (void)path_in_loader_cache(broken, "libtwo.so.2");
  }
}

TEST_CASE("a library that every process has is found, and is the loader's") {
  CHECK(find_library("libc.so.6").find("libc.so.6") != std::string::npos);
  CHECK(find_library("libnosuchlibrary.so.9").empty());
  CHECK(find_library("/nowhere/libc.so.6").empty());
}
