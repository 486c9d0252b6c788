#include "runtime/cuda/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>

#include <fmt/format.h>

namespace flexc::runtime {
namespace {

using Clock = std::chrono::steady_clock;

// The answer is one byte of state, then text.
constexpr char kDone = 'd', kNoMemory = 'm';
constexpr char kErrors[] = {'0', '1', '2', '3'};  // by ErrorKind

std::unexpected<Error> failed(const std::string& what, const std::string& how) {
  return std::unexpected(Error{ErrorKind::Internal, fmt::format("{} in a child process {}", what, how)});
}

std::uint64_t address_space() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void write_all(int file, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

[[noreturn]] void be_the_child(int file, const std::function<Result<std::string>()>& work, const ChildLimits& limits) {
  const rlimit memory{address_space() + limits.memory_bytes, address_space() + limits.memory_bytes}, no_core{0, 0};
  setrlimit(RLIMIT_AS, &memory);
  setrlimit(RLIMIT_CORE, &no_core);
  try {
    const Result<std::string> result = work();
    const char state = result ? kDone : kErrors[static_cast<int>(result.error().kind)];
    const std::string& text = result ? *result : result.error().message;
    write_all(file, &state, 1);
    write_all(file, text.data(), text.size());
  } catch (const std::bad_alloc&) {
    write_all(file, &kNoMemory, 1);
  }
  _exit(0);  // no destructors of the parent's objects, no flushing of its buffers
}

/// Reads to the end of the answer. False when time is up.
bool read_until(int file, Clock::time_point deadline, std::string& answer) {
  char buffer[1 << 16];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd ready{file, POLLIN, 0};
    const int status = poll(&ready, 1, static_cast<int>(std::min<long long>(left, 1'000'000)));
    if (status < 0 && errno != EINTR) return true;
    if (status <= 0) continue;
    const ssize_t size = read(file, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return true;
    answer.append(buffer, static_cast<std::size_t>(size));
  }
}

}  // namespace

Result<std::string> run_in_child(const std::string& what, const std::function<Result<std::string>()>& work, const ChildLimits& limits) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed(what, fmt::format("did not start: pipe: {}", std::strerror(errno)));
  const Clock::time_point deadline = Clock::now() + limits.time;
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    return failed(what, fmt::format("did not start: fork: {}", std::strerror(errno)));
  }
  if (child == 0) {
    close(ends[0]);
    be_the_child(ends[1], work, limits);
  }
  close(ends[1]);
  std::string answer;
  const bool in_time = read_until(ends[0], deadline, answer);
  close(ends[0]);
  if (!in_time) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return failed(what, fmt::format("took longer than {} s and was stopped", static_cast<double>(limits.time.count()) / 1000));
  if (WIFSIGNALED(status)) return failed(what, fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status))));
  if (answer.empty()) return failed(what, fmt::format("ended without an answer (exit status {})", WEXITSTATUS(status)));
  const char state = answer.front();
  answer.erase(0, 1);
  if (state == kDone) return answer;
  if (state == kNoMemory) return failed(what, fmt::format("needs more than {} MiB of memory", limits.memory_bytes >> 20));
  for (int kind = 0; kind < 4; ++kind)
    if (state == kErrors[kind]) return std::unexpected(Error{static_cast<ErrorKind>(kind), answer});
  return failed(what, "gave an answer that is none");
}

}  // namespace flexc::runtime
