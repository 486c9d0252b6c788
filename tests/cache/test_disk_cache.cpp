// The cache on disk, by one process: what is kept, what is refused, what heals.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "runtime/cache/disk_cache.h"

using namespace flexc::runtime;
namespace fs = std::filesystem;

namespace {

/// A folder of this test's own, gone at the end.
struct Scratch {
  fs::path path;
  Scratch() {
    std::string name = (fs::temp_directory_path() / "flexc-cache-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(path); }
};

struct Opened {
  std::vector<std::string> warnings;
  DiskCache cache;
  explicit Opened(const fs::path& directory, std::uint64_t max_bytes = std::uint64_t{1} << 30)
      : cache({directory.string(), max_bytes, [this](std::string_view text) { warnings.emplace_back(text); }}) {}
};

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(text.data(), static_cast<std::streamsize>(text.size()));
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

constexpr EntryKind kKind = EntryKind::CpuObject;

}  // namespace

TEST_CASE("what was put is got, by this object and by another", "[disk]") {
  const Scratch scratch;
  Opened first(scratch.path / "a" / "b");
  CHECK_FALSE(first.cache.get(kKind, "key"));
  CHECK(first.cache.put(kKind, "key", bytes_of("payload")));
  CHECK(first.cache.get(kKind, "key") == bytes_of("payload"));
  CHECK_FALSE(first.cache.get(EntryKind::Cubin, "key"));
  CHECK_FALSE(first.cache.get(kKind, "ke"));
  Opened second(scratch.path / "a" / "b");
  CHECK(second.cache.get(kKind, "key") == bytes_of("payload"));
  CHECK(second.cache.put(kKind, "key", bytes_of("another")));
  CHECK(first.cache.get(kKind, "key") == bytes_of("another"));
  CHECK(first.warnings.empty());
  CHECK(second.warnings.empty());
  CHECK((fs::status(scratch.path / "a" / "b").permissions() & fs::perms::all) == fs::perms::owner_all);
}

TEST_CASE("a spoiled entry is a miss, is removed, and the next put heals it", "[disk][sweep]") {
  const Scratch scratch;
  Opened opened(scratch.path);
  const auto payload = bytes_of("some machine code");
  REQUIRE(opened.cache.put(kKind, "key", payload));
  const fs::path file = scratch.path / entry_name(kKind, "key");
  const std::string whole = read_text(file);
  int wrong = 0, kept = 0;
  const auto try_with = [&](std::string_view text) {
    write_text(file, text);
    wrong += opened.cache.get(kKind, "key") ? 1 : 0;
    kept += fs::exists(file) ? 1 : 0;
    REQUIRE(opened.cache.put(kKind, "key", payload));
    REQUIRE(opened.cache.get(kKind, "key") == payload);
  };
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const char pattern : {'\x01', '\x80', '\xff'}) {
      std::string spoiled = whole;
      spoiled[i] = static_cast<char>(spoiled[i] ^ pattern);
      try_with(spoiled);
    }
  for (std::size_t size = 0; size < whole.size(); ++size) try_with(std::string_view(whole).substr(0, size));
  try_with(whole + '\0');
  try_with(whole + whole);
  CHECK(wrong == 0);
  CHECK(kept == 0);
  CHECK(opened.warnings.empty());
}

TEST_CASE("two entries swapped: no wrong hit, and a put heals", "[disk][key_compared]") {
  const Scratch scratch;
  Opened opened(scratch.path);
  REQUIRE(opened.cache.put(kKind, "one", bytes_of("1")));
  REQUIRE(opened.cache.put(kKind, "two", bytes_of("2")));
  const fs::path one = scratch.path / entry_name(kKind, "one"), two = scratch.path / entry_name(kKind, "two");
  fs::rename(one, scratch.path / "aside");
  fs::rename(two, one);
  fs::rename(scratch.path / "aside", two);
  CHECK_FALSE(opened.cache.get(kKind, "one"));
  CHECK_FALSE(opened.cache.get(kKind, "two"));
  REQUIRE(opened.cache.put(kKind, "one", bytes_of("1")));
  CHECK(opened.cache.get(kKind, "one") == bytes_of("1"));
}

TEST_CASE("a forced collision of names is a miss", "[disk][key_compared]") {
  const Scratch scratch;
  Opened opened(scratch.path);
  const auto bytes = encode_entry(kKind, "another key", bytes_of("its payload"));
  write_text(scratch.path / entry_name(kKind, "key"), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  CHECK_FALSE(opened.cache.get(kKind, "key"));
  const auto listed = opened.cache.list(true);
  REQUIRE(listed);
  REQUIRE(listed->size() == 1);
  CHECK(listed->front().problem == "it is another key's entry");
}

TEST_CASE("directories that others may write to, links and files are refused, with one warning", "[disk][refused]") {
  const Scratch scratch;
  const auto expect_refused = [](const fs::path& path) {
    Opened opened(path);
    CHECK_FALSE(opened.cache.usable());
    CHECK_FALSE(opened.cache.put(kKind, "key", bytes_of("x")));
    CHECK_FALSE(opened.cache.get(kKind, "key"));
    CHECK(opened.cache.prune() == 0);
    REQUIRE(opened.warnings.size() == 1);
    CHECK_THAT(opened.warnings.front(), Catch::Contains(path.string()));
  };
  fs::create_directory(scratch.path / "open");
  fs::permissions(scratch.path / "open", fs::perms::owner_all | fs::perms::group_all | fs::perms::others_all);
  expect_refused(scratch.path / "open");
  fs::create_directory(scratch.path / "real");
  fs::permissions(scratch.path / "real", fs::perms::owner_all);
  fs::create_symlink("real", scratch.path / "link");
  expect_refused(scratch.path / "link");
  write_text(scratch.path / "file", "");
  expect_refused(scratch.path / "file");
  if (::geteuid() == 0) {  // only root can give a folder away
    fs::create_directory(scratch.path / "foreign");
    fs::permissions(scratch.path / "foreign", fs::perms::owner_all);
    REQUIRE(::chown((scratch.path / "foreign").c_str(), 65534, 65534) == 0);
    expect_refused(scratch.path / "foreign");
  }
}

TEST_CASE("a link, a FIFO, a folder or a writable file in place of an entry is a miss, and no call hangs", "[disk][refused]") {
  const Scratch scratch;
  Opened opened(scratch.path);
  const fs::path file = scratch.path / entry_name(kKind, "key");
  const auto good = encode_entry(kKind, "key", bytes_of("payload"));
  const std::string_view text(reinterpret_cast<const char*>(good.data()), good.size());
  write_text(scratch.path / "elsewhere", text);
  fs::create_symlink("elsewhere", file);
  CHECK_FALSE(opened.cache.get(kKind, "key"));
  CHECK_FALSE(fs::is_symlink(fs::symlink_status(file)));
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  CHECK_FALSE(opened.cache.get(kKind, "key"));
  fs::remove(file);
  write_text(file, text);
  fs::permissions(file, fs::perms::all);
  CHECK_FALSE(opened.cache.get(kKind, "key"));
  fs::create_directory(file);
  CHECK_FALSE(opened.cache.get(kKind, "key"));
  CHECK_FALSE(opened.cache.put(kKind, "key", bytes_of("payload")));  // a folder cannot be replaced by a rename
  CHECK(opened.warnings.size() == 1);
  fs::remove(file);
  CHECK(opened.cache.put(kKind, "key", bytes_of("payload")));
}

TEST_CASE("a directory deleted while in use: uncached, one warning", "[disk]") {
  const Scratch scratch;
  Opened opened(scratch.path / "gone");
  fs::remove(scratch.path / "gone");
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(opened.cache.put(kKind, "key", bytes_of("x")));
    CHECK_FALSE(opened.cache.get(kKind, "key"));
  }
  CHECK(opened.warnings.size() == 1);
}

TEST_CASE("the least recently used goes first, and the bound holds", "[disk][prune]") {
  const Scratch scratch;
  const std::vector<std::byte> payload(1000);
  const std::uint64_t each = encode_entry(kKind, "k0", payload).size();
  Opened opened(scratch.path, 10 * each);
  for (int i = 0; i < 10; ++i) REQUIRE(opened.cache.put(kKind, "k" + std::to_string(i), payload));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // beyond the granularity of time stamps
  REQUIRE(opened.cache.get(kKind, "k0"));
  REQUIRE(opened.cache.put(kKind, "kx", payload));
  CHECK(opened.cache.get(kKind, "k0"));
  CHECK(opened.cache.get(kKind, "kx"));
  CHECK_FALSE(opened.cache.get(kKind, "k1"));
  const auto listed = opened.cache.list(false);
  REQUIRE(listed);
  std::uint64_t total = 0;
  for (const auto& file : *listed) total += file.bytes;
  CHECK(total <= 10 * each);
  CHECK_FALSE(opened.cache.put(kKind, "huge", std::vector<std::byte>(20 * each)));
  CHECK(opened.cache.get(kKind, "k0"));
}

TEST_CASE("prune removes a killed writer's temporary and leaves a living one's", "[disk][prune]") {
  const Scratch scratch;
  Opened opened(scratch.path);
  write_text(scratch.path / "tmp-0123456789abcdef", "half");
  write_text(scratch.path / "tmp-fedcba9876543210", "half");
  const int living = ::open((scratch.path / "tmp-fedcba9876543210").c_str(), O_WRONLY);
  REQUIRE(::flock(living, LOCK_EX) == 0);
  CHECK(opened.cache.prune() == 1);
  CHECK(fs::exists(scratch.path / "tmp-fedcba9876543210"));
  ::close(living);
  CHECK(opened.cache.prune() == 1);
  CHECK(fs::is_empty(scratch.path));
}

TEST_CASE("list verifies, remove takes one, clear takes all and nothing else", "[disk]") {
  const Scratch scratch;
  Opened opened(scratch.path);
  REQUIRE(opened.cache.put(kKind, "a", bytes_of("1")));
  REQUIRE(opened.cache.put(EntryKind::Mask, "b", bytes_of("2")));
  write_text(scratch.path / entry_name(kKind, "c"), "rubbish");
  write_text(scratch.path / "notes.txt", "not ours");
  const auto listed = opened.cache.list(true);
  REQUIRE(listed);
  REQUIRE(listed->size() == 3);
  int bad = 0;
  for (const auto& file : *listed) bad += file.entry ? 0 : 1;
  CHECK(bad == 1);
  CHECK(opened.cache.remove(entry_name(kKind, "a")));
  CHECK_FALSE(opened.cache.remove("notes.txt"));
  CHECK_FALSE(opened.cache.remove("../" + scratch.path.filename().string()));
  CHECK(opened.cache.clear() == 2);
  CHECK(fs::exists(scratch.path / "notes.txt"));
}

TEST_CASE("the default directory follows the environment", "[disk]") {
  const auto with = [](const char* own, const char* xdg, const char* home) {
    const auto set = [](const char* name, const char* value) { value ? ::setenv(name, value, 1) : ::unsetenv(name); };
    set("FLEXC_CACHE_DIR", own), set("XDG_CACHE_HOME", xdg), set("HOME", home);
    return default_cache_directory();
  };
  CHECK(with("/own", "/xdg", "/home/me") == "/own");
  CHECK(with("", "/xdg", "/home/me") == "/xdg/flexc");
  CHECK(with(nullptr, "", "/home/me") == "/home/me/.cache/flexc");
  CHECK(with(nullptr, nullptr, nullptr).empty());
  std::vector<std::string> warnings;
  DiskCache cache({"", 1 << 20, [&](std::string_view text) { warnings.emplace_back(text); }});
  CHECK_FALSE(cache.put(kKind, "k", {}));
  CHECK(warnings.size() == 1);
}

TEST_CASE("an entry is found by a part of its key, the last used first, verified", "[disk]") {
  const Scratch scratch;
  Opened opened(scratch.path / "cache");
  DiskCache& cache = opened.cache;
  const auto ends_alike = [](std::string_view key) { return key.ends_with(" rest"); };
  CHECK_FALSE(cache.find(kKind, ends_alike));
  REQUIRE(cache.put(kKind, "one rest", bytes_of("first")));
  REQUIRE(cache.put(kKind, "two rest", bytes_of("second")));
  REQUIRE(cache.put(kKind, "another", bytes_of("third")));
  REQUIRE(cache.put(EntryKind::Mask, "a mask's rest", bytes_of("fourth")));
  const auto path_of = [&](std::string_view key) { return scratch.path / "cache" / entry_name(kKind, key); };
  const auto set_last_use = [&](std::string_view key, std::time_t seconds) {
    const std::timespec times[2] = {{seconds, 0}, {seconds, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path_of(key).c_str(), times, 0) == 0);
  };
  set_last_use("one rest", 2000);
  set_last_use("two rest", 1000);
  set_last_use("another", 3000);
  CHECK(cache.find(kKind, ends_alike) == bytes_of("first"));
  set_last_use("two rest", 4'000'000'000);
  CHECK(cache.find(kKind, ends_alike) == bytes_of("second"));
  // One that fails is passed over, and removed.
  std::string spoilt = read_text(path_of("two rest"));
  spoilt.back() ^= 1;
  write_text(path_of("two rest"), spoilt);
  set_last_use("two rest", 4'000'000'000);
  CHECK(cache.find(kKind, ends_alike) == bytes_of("first"));
  CHECK_FALSE(fs::exists(path_of("two rest")));
  CHECK(opened.warnings.empty());
}
