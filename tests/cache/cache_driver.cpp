// A process that uses the cache as an engine does, for tests that kill it, fault it, or run many of it.
//   cache_driver DIR once SEED          get, "compile" on a miss, put, get again; prints one line
//   cache_driver DIR loop SEED          the same for ever, on one key after the other
//   cache_driver DIR stress SEED N K    N random gets, puts and prunes on K keys; bound of 256 KiB
// Exit status 1 where a payload came back that is not the key's.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "runtime/cache/disk_cache.h"

using namespace flexc::runtime;

namespace {

constexpr EntryKind kKind = EntryKind::CpuObject;

/// What a compiler would give for this key: some kilobytes that follow from it.
std::vector<std::byte> compile(const std::string& key) {
  std::mt19937_64 generator(std::hash<std::string>{}(key));
  std::vector<std::byte> code(1000 + generator() % 8000);
  for (std::byte& byte : code) byte = static_cast<std::byte>(generator());
  return code;
}

int wrong = 0;

/// As an engine: from the cache, else compiled and stored. Whether it was a hit.
bool load(DiskCache& cache, const std::string& key) {
  const auto expected = compile(key);
  if (const auto found = cache.get(kKind, key)) {
    wrong += *found == expected ? 0 : 1;
    return true;
  }
  cache.put(kKind, key, expected);
  return false;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return 2;
  const std::string mode = arguments[2];
  const auto seed = std::strtoull(arguments[3], nullptr, 10);
  int warnings = 0;
  DiskCache cache({arguments[1], mode == "stress" ? std::uint64_t{256} << 10 : std::uint64_t{1} << 30, [&](std::string_view text) {
                     ++warnings;
                     std::fprintf(stderr, "warning: %.*s\n", static_cast<int>(text.size()), text.data());
                   }});
  if (mode == "once") {
    const std::string key = "key " + std::to_string(seed);
    const bool first = load(cache, key), second = load(cache, key);
    std::printf("first=%d second=%d wrong=%d warnings=%d\n", first, second, wrong, warnings);
  } else if (mode == "loop") {
    for (unsigned long long i = 0; wrong == 0; ++i) {
      const std::string key = "key " + std::to_string(seed + i % 4);
      load(cache, key);
      cache.remove(entry_name(kKind, key));
    }
  } else if (mode == "stress" && count == 6) {
    const long operations = std::strtol(arguments[4], nullptr, 10), keys = std::strtol(arguments[5], nullptr, 10);
    std::mt19937_64 generator(seed);
    long hits = 0;
    for (long i = 0; i < operations; ++i) {
      if (generator() % 64 == 0) cache.prune();
      else hits += load(cache, "key " + std::to_string(generator() % static_cast<unsigned long>(keys)));
    }
    std::printf("hits=%ld wrong=%d warnings=%d\n", hits, wrong, warnings);
  } else {
    return 2;
  }
  return wrong == 0 ? 0 : 1;
}
