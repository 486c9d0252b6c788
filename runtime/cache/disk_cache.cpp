#include "runtime/cache/disk_cache.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <tuple>
#include <unistd.h>

#include <fmt/format.h>

#include "runtime/cache/files.h"

namespace flexc::runtime {
namespace {

constexpr mode_t kDirectoryMode = 0700, kEntryMode = 0600;
constexpr std::string_view kTemporaryPrefix = "tmp-";
constexpr std::size_t kNameLength = 64;
/// Temporaries that one put may lose to pruners.
constexpr int kMostTemporaries = 4;
/// After a prune this share of the bound is left, so that not every write prunes.
constexpr double kPrunedShare = 0.8;

std::string reason(int cause) { return std::generic_category().message(cause); }

bool is_entry_name(std::string_view name) {
  return name.size() == kNameLength && std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Why files in here, or this file, may have been written by someone else; empty if they cannot.
std::string distrust(const struct stat& status) {
  if (status.st_uid != ::geteuid()) return "another user owns it";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "other users may write to it";
  return {};
}

/// The opened directory, or why it cannot be used.
Descriptor open_directory(const std::string& path, std::string& problem) {
  std::error_code code;
  const std::filesystem::path whole(path);
  if (whole.has_parent_path()) std::filesystem::create_directories(whole.parent_path(), code);  // what failed, mkdir will say
  if (::mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    problem = "it cannot be made: " + reason(errno);
    return Descriptor();
  }
  Descriptor directory = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  struct stat status {};
  if (!directory) problem = errno == ELOOP || errno == ENOTDIR ? "it is not a directory (a symbolic link is not followed)" : reason(errno);
  else if (::fstat(directory.number(), &status) != 0) problem = reason(errno);
  else problem = distrust(status);
  return problem.empty() ? std::move(directory) : Descriptor();
}

/// A name that no other writer takes: O_EXCL decides.
std::string temporary_name() {
  thread_local std::mt19937_64 generator(std::random_device{}());
  return fmt::format("{}{:016x}", kTemporaryPrefix, generator());
}

/// Why an entry was not written; cause 0: it was.
struct Failure {
  const char* call = "";
  int cause = 0;
  bool again = false;  ///< another writer has this name, or a pruner took the temporary before it was locked: try another
};

/// Writes a temporary and renames it to `name`. The lock is held until after the rename, by a second descriptor: the first is
/// closed before, because only close tells that a file system could not keep what it had taken.
Failure publish(int directory, const std::string& name, std::span<const std::byte> bytes) {
  const std::string temporary = temporary_name();
  Descriptor file = open_at(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kEntryMode);
  if (!file) return {"open", errno, errno == EEXIST};
  const auto discard = [&](const char* call, int cause, bool again = false) {
    ::unlinkat(directory, temporary.c_str(), 0);
    return Failure{call, cause, again};
  };
  if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) return discard("flock", errno, errno == EWOULDBLOCK);
  const Descriptor lock(::fcntl(file.number(), F_DUPFD_CLOEXEC, 0));
  if (!lock) return discard("fcntl", errno);
  if (const int cause = write_all(file.number(), bytes); cause != 0) return discard("write", cause);
  if (const int cause = file.close(); cause != 0) return discard("close", cause);
  if (::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) return discard("rename", errno, errno == ENOENT);
  return {};
}

/// The bytes of a regular file of ours. Errors are not the entry's fault: nothing is removed for them.
std::optional<std::vector<std::byte>> read_file(int directory, const std::string& name, Descriptor& file, std::string& refused) {
  // O_NONBLOCK: a FIFO in place of an entry must not hang us.
  Descriptor opened = open_at(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!opened) {
    if (errno == ELOOP) refused = "it is a symbolic link";
    return std::nullopt;
  }
  struct stat status {};
  if (::fstat(opened.number(), &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode)) refused = "it is not a regular file";
  else refused = distrust(status);
  if (!refused.empty()) return std::nullopt;
  constexpr std::uint64_t kLargest = kEntryHeaderBytes + kMaxKeyBytes + kMaxPayloadBytes + kDigestBytes;
  if (static_cast<std::uint64_t>(status.st_size) > kLargest) {
    refused = "it is larger than any entry";
    return std::nullopt;
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  if (read_all(opened.number(), bytes) != 0) return std::nullopt;
  file = std::move(opened);
  return bytes;
}

/// The key that an entry of this kind claims to have; nothing is verified but its length.
std::optional<std::string> claimed_key(int directory, const std::string& name, EntryKind kind) {
  const Descriptor file = open_at(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  if (!file || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::vector<std::byte> header(kEntryHeaderBytes);
  if (::pread(file.number(), header.data(), header.size(), 0) != static_cast<ssize_t>(header.size())) return std::nullopt;
  const auto length = claimed_key_bytes(header, kind);
  if (!length || *length > static_cast<std::uint64_t>(status.st_size)) return std::nullopt;
  std::string key(static_cast<std::size_t>(*length), '\0');
  if (::pread(file.number(), key.data(), key.size(), kEntryHeaderBytes) != static_cast<ssize_t>(key.size())) return std::nullopt;
  return key;
}

}  // namespace

struct DiskCache::Warned {
  std::atomic_flag flag = ATOMIC_FLAG_INIT;
};

std::string default_cache_directory() {
  const auto variable = [](const char* name) -> std::string {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (auto directory = variable("FLEXC_CACHE_DIR"); !directory.empty()) return directory;
  if (auto base = variable("XDG_CACHE_HOME"); !base.empty()) return base + "/flexc";
  if (auto home = variable("HOME"); !home.empty()) return home + "/.cache/flexc";
  return {};
}

DiskCache::DiskCache(DiskCacheOptions options) : options_(std::move(options)), warned_(std::make_unique<Warned>()) {
  if (options_.directory.empty()) options_.directory = default_cache_directory();
  if (options_.directory.empty()) {
    warn_once("nothing is cached on disk: none of FLEXC_CACHE_DIR, XDG_CACHE_HOME and HOME is set");
    return;
  }
  std::string problem;
  directory_ = open_directory(options_.directory, problem).release();
  if (directory_ < 0) warn_once(fmt::format("nothing is cached on disk: {}: {}", options_.directory, problem));
}

DiskCache::~DiskCache() {
  if (directory_ >= 0) ::close(directory_);
}

void DiskCache::warn_once(std::string message) {
  if (options_.warn && !warned_->flag.test_and_set()) options_.warn(message);
}

std::optional<std::vector<std::byte>> DiskCache::get(EntryKind kind, std::string_view key) {
  if (!usable()) return std::nullopt;
  const std::string name = entry_name(kind, key);
  Descriptor file;
  std::string problem;
  const auto bytes = read_file(directory_, name, file, problem);
  if (!bytes) {
    if (!problem.empty()) remove(name);
    return std::nullopt;
  }
  auto entry = decode_entry(*bytes, problem);
  if (!entry) {
    remove(name);
    return std::nullopt;
  }
  // Whole but another's: entries that were swapped, or two keys of one name. The next put replaces it.
  if (entry->kind != kind || entry->key != key) return std::nullopt;
  const std::timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  ::futimens(file.number(), now);  // the last use; if it cannot be written, the entry only goes earlier
  return std::move(entry->payload);
}

std::optional<std::vector<std::byte>> DiskCache::find(EntryKind kind, const std::function<bool(std::string_view key)>& matches) {
  if (!usable()) return std::nullopt;
  auto files = list(false);
  if (!files) return std::nullopt;
  std::ranges::sort(*files, std::greater<>(), [](const Listed& file) { return std::tuple(file.last_use.tv_sec, file.last_use.tv_nsec); });
  for (const Listed& file : *files) {
    const auto key = claimed_key(directory_, file.name, kind);
    if (!key || !matches(*key)) continue;
    if (auto payload = get(kind, *key)) return payload;
  }
  return std::nullopt;
}

bool DiskCache::put(EntryKind kind, std::string_view key, std::span<const std::byte> payload) {
  if (!usable() || key.size() > kMaxKeyBytes || payload.size() > kMaxPayloadBytes) return false;
  const std::vector<std::byte> bytes = encode_entry(kind, key, payload);
  if (bytes.size() > options_.max_bytes) return false;
  const std::string name = entry_name(kind, key);
  Failure failure;
  for (int tries = 0; tries < kMostTemporaries; ++tries) {
    failure = publish(directory_, name, bytes);
    if (!failure.again) break;
  }
  if (failure.cause != 0) {
    warn_once(fmt::format("{} could not be cached in {}: {}: {}", kind == EntryKind::Mask ? "a mask" : "a kernel", options_.directory, failure.call, reason(failure.cause)));
    return false;
  }
  prune();
  return true;
}

bool DiskCache::remove(const std::string& name) { return usable() && is_entry_name(name) && ::unlinkat(directory_, name.c_str(), 0) == 0; }

Result<std::vector<DiskCache::Listed>> DiskCache::list(bool verify) const {
  if (!usable()) return std::unexpected(Error{ErrorKind::Environment, fmt::format("the cache directory '{}' cannot be used", options_.directory)});
  std::vector<std::string> names;
  if (const int cause = list_names(directory_, names); cause != 0)
    return std::unexpected(Error{ErrorKind::Environment, fmt::format("cannot list {}: {}", options_.directory, reason(cause))});
  std::ranges::sort(names);
  std::vector<Listed> listed;
  for (std::string& name : names) {
    if (!is_entry_name(name)) continue;
    struct stat status {};
    if (::fstatat(directory_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
    Listed& file = listed.emplace_back(Listed{std::move(name), static_cast<std::uint64_t>(status.st_size), status.st_mtim, {}, {}});
    if (!verify) continue;
    Descriptor opened;
    const auto bytes = read_file(directory_, file.name, opened, file.problem);
    if (!bytes && file.problem.empty()) file.problem = "it cannot be read";
    if (!bytes) continue;
    file.entry = decode_entry(*bytes, file.problem);
    if (file.entry && entry_name(file.entry->kind, file.entry->key) != file.name) {
      file.entry.reset();
      file.problem = "it is another key's entry";
    }
  }
  return listed;
}

std::size_t DiskCache::remove_leftovers(const std::vector<std::string>& names, bool all) {
  std::size_t removed = 0;
  for (const std::string& name : names) {
    if (!name.starts_with(kTemporaryPrefix)) continue;
    const Descriptor file = open_at(directory_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const bool abandoned = all || (file && ::flock(file.number(), LOCK_EX | LOCK_NB) == 0);
    if (abandoned && ::unlinkat(directory_, name.c_str(), 0) == 0) ++removed;
  }
  return removed;
}

std::size_t DiskCache::clear() {
  std::vector<std::string> names;
  if (!usable() || list_names(directory_, names) != 0) return 0;
  std::size_t removed = remove_leftovers(names, true);
  for (const std::string& name : names) removed += remove(name) ? 1 : 0;
  return removed;
}

std::size_t DiskCache::prune() {
  std::vector<std::string> names;
  if (!usable() || list_names(directory_, names) != 0) return 0;
  std::size_t removed = remove_leftovers(names, false);
  auto files = list(false);
  if (!files) return removed;
  std::uint64_t total = 0;
  for (const Listed& file : *files) total += file.bytes;
  if (total <= options_.max_bytes) return removed;
  std::ranges::sort(*files, {}, [](const Listed& file) { return std::tuple(file.last_use.tv_sec, file.last_use.tv_nsec); });
  const auto goal = static_cast<std::uint64_t>(static_cast<double>(options_.max_bytes) * kPrunedShare);
  for (const Listed& file : *files) {
    if (total <= goal) break;
    if (remove(file.name)) ++removed;
    total -= file.bytes;
  }
  return removed;
}

}  // namespace flexc::runtime
