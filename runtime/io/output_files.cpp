// OutputFiles: each target is written beside its place and renamed at commit, so that no reader ever sees half a file.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <random>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "flexc/io.h"
#include "runtime/io/text.h"

namespace flexc {
namespace {

namespace fs = std::filesystem;

/// The target or what it stands for is wrong (Input), or this machine refuses (Environment).
std::unexpected<Error> failure(std::string_view action, const fs::path& path, int cause) {
  const bool of_path = cause == ENOENT || cause == ENOTDIR || cause == EISDIR || cause == ELOOP || cause == ENAMETOOLONG || cause == EINVAL;
  return std::unexpected(Error{of_path ? ErrorKind::Input : ErrorKind::Environment,
                               fmt::format("cannot {} {}: {}", action, io::in_quotes(path.native(), 4096), std::generic_category().message(cause))});
}

/// Follows symbolic links, to a target that need not exist: renaming onto a link would replace the link.
Result<fs::path> resolved(const fs::path& target) {
  constexpr int kMostLinks = 40;  // as the kernel
  if (target.empty() || !target.has_filename() || target.native().find('\0') != std::string::npos) return failure("write", target, target.empty() ? ENOENT : EINVAL);
  fs::path path = target;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code code;
    if (!fs::is_symlink(fs::symlink_status(path, code))) return path;
    const fs::path next = fs::read_symlink(path, code);
    if (code) return failure("write", target, code.value());
    path = next.is_absolute() ? next : path.parent_path() / next;
  }
  return failure("write", target, ELOOP);
}

fs::path directory_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

enum class Place { New, Replace, InPlace };
struct Target {
  fs::path path;
  Place place = Place::New;
  mode_t mode = 0;
};

Result<Target> examine(const fs::path& target) {
  auto path = resolved(target);
  if (!path) return std::unexpected(path.error());
  Target out{*path};
  struct stat status {};
  if (::stat(path->c_str(), &status) != 0) {
    if (errno != ENOENT) return failure("write", target, errno);
  } else {
    if (S_ISDIR(status.st_mode)) return failure("write", target, EISDIR);
    // A rename would go through even onto a file that its owner has made read-only.
    if (::access(path->c_str(), W_OK) != 0) return failure("write", target, errno);
    out.place = S_ISREG(status.st_mode) ? Place::Replace : Place::InPlace;
    out.mode = status.st_mode & 07777;
  }
  if (out.place != Place::InPlace && ::access(directory_of(*path).c_str(), W_OK | X_OK) != 0) {
    const int cause = errno;
    return failure(cause == ENOENT ? "write (no such directory)" : "write (its directory is not writable)", target, cause);
  }
  return out;
}

/// All of `bytes`; 0 or the cause.
int write_all(int descriptor, std::string_view bytes) {
  constexpr std::size_t kLargestWrite = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return 0;
}

int open_retrying(const fs::path& path, int flags, mode_t mode = 0) {
  int descriptor;
  do descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

/// While it lives, a reader that goes away makes write() fail with EPIPE and does not end the process.
class BrokenPipeAsError {
 public:
  BrokenPipeAsError() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~BrokenPipeAsError() {
    constexpr timespec kNow{};
    if (!was_pending_) while (sigtimedwait(&pipe_, nullptr, &kNow) < 0 && errno == EINTR) {}
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  BrokenPipeAsError(const BrokenPipeAsError&) = delete;
  BrokenPipeAsError& operator=(const BrokenPipeAsError&) = delete;

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

Result<void> write_in_place(const fs::path& target, std::string_view bytes) {
  const int descriptor = open_retrying(target, O_WRONLY | O_NOCTTY);
  if (descriptor < 0) return failure("open", target, errno);
  int cause = 0;
  {
    BrokenPipeAsError guard;
    cause = write_all(descriptor, bytes);
  }
  if (::close(descriptor) != 0 && cause == 0) cause = errno;
  if (cause != 0) return failure("write", target, cause);
  return {};
}

/// A file of a name that nobody else has, beside `target`; its name is short, whatever the target's length.
Result<int> create_temporary(const fs::path& target, fs::path& temporary) {
  constexpr int kAttempts = 100;
  std::random_device entropy;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    temporary = directory_of(target) / fmt::format(".flexc-{:08x}{:08x}.tmp", entropy(), entropy());
    const int descriptor = open_retrying(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
    if (descriptor >= 0) return descriptor;
    if (errno != EEXIST) break;
  }
  return failure("create a temporary file beside", target, errno);
}

void sync_directory(const fs::path& directory) {
  const int descriptor = open_retrying(directory, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) return;
  ::fsync(descriptor);  // best effort: some file systems refuse it for directories
  ::close(descriptor);
}

}  // namespace

OutputFiles::~OutputFiles() { discard(); }

void OutputFiles::discard() {
  for (const Staged& staged : staged_)
    if (!staged.temporary.empty()) ::unlink(staged.temporary.c_str());
  staged_.clear();
}

Result<void> OutputFiles::check(const fs::path& target) {
  if (auto examined = examine(target); !examined) return std::unexpected(examined.error());
  return {};
}

Result<void> OutputFiles::stage(const fs::path& target, std::string_view bytes) {
  auto examined = examine(target);
  if (!examined) return std::unexpected(examined.error());
  if (examined->place == Place::InPlace) {
    staged_.push_back({examined->path, {}, std::string(bytes)});
    return {};
  }
  for (const Staged& other : staged_)
    if (!other.temporary.empty() && fs::absolute(other.target).lexically_normal() == fs::absolute(examined->path).lexically_normal())
      return std::unexpected(Error{ErrorKind::Usage, fmt::format("{} is to be written twice", io::in_quotes(target.native(), 4096))});
  fs::path temporary;
  const auto descriptor = create_temporary(examined->path, temporary);
  if (!descriptor) return std::unexpected(descriptor.error());
  int cause = write_all(*descriptor, bytes);
  if (cause == 0 && examined->place == Place::Replace && ::fchmod(*descriptor, examined->mode) != 0) cause = errno;
  if (cause == 0 && ::fsync(*descriptor) != 0) cause = errno;
  if (::close(*descriptor) != 0 && cause == 0) cause = errno;
  if (cause != 0) {
    ::unlink(temporary.c_str());
    return failure("write", target, cause);
  }
  staged_.push_back({examined->path, std::move(temporary), {}});
  return {};
}

Result<void> OutputFiles::commit() {
  for (const Staged& staged : staged_) {
    if (!staged.temporary.empty()) continue;
    if (auto done = write_in_place(staged.target, staged.in_place); !done) {
      discard();
      return done;
    }
  }
  for (Staged& staged : staged_) {
    if (staged.temporary.empty()) continue;
    if (::rename(staged.temporary.c_str(), staged.target.c_str()) != 0) {
      auto error = failure("rename a finished file to", staged.target, errno);
      discard();
      return error;
    }
    staged.temporary.clear();
  }
  for (const Staged& staged : staged_) sync_directory(directory_of(staged.target));
  staged_.clear();
  return {};
}

}  // namespace flexc
