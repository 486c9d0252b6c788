#include "runtime/cuda/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <utility>

#include <fmt/format.h>

namespace flexc::runtime {
namespace {

using Clock = std::chrono::steady_clock;

// The answer is one byte of state, then text.
constexpr char kDone = 'd', kNoMemory = 'm';
constexpr char kErrors[] = {'0', '1', '2', '3'};  // by ErrorKind
constexpr std::size_t kTransfer = 1 << 16;
constexpr long long kLongestWait = 1'000'000;  // milliseconds, what poll takes

std::unexpected<Error> failed(const std::string& what, const std::string& how) {
  return std::unexpected(Error{ErrorKind::Internal, fmt::format("{} in a child process {}", what, how)});
}

std::uint64_t address_space() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void write_all(int channel, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = send(channel, bytes, size, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

std::string read_all(int channel) {
  std::string text;
  char buffer[kTransfer];
  for (;;) {
    const ssize_t size = read(channel, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

[[noreturn]] void be_the_child(int channel, pid_t parent, const ChildWork& work, const ChildLimits& limits) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);  // it died before it could be watched
  const std::uint64_t most = address_space() + limits.memory_bytes;
  const rlimit memory{most, most}, no_core{0, 0};
  setrlimit(RLIMIT_AS, &memory);
  setrlimit(RLIMIT_CORE, &no_core);
  try {
    const Result<std::string> result = work([channel] { return read_all(channel); });
    const char state = result ? kDone : kErrors[static_cast<int>(result.error().kind)];
    const std::string& text = result ? *result : result.error().message;
    write_all(channel, &state, 1);
    write_all(channel, text.data(), text.size());
  } catch (const std::bad_alloc&) {
    write_all(channel, &kNoMemory, 1);
  }
  _exit(0);  // no destructors of the parent's objects, no flushing of its buffers
}

enum class Transfer { Done, TimeIsUp };

/// Waits until the channel is ready for `events`. False when time is up.
bool wait_for(int channel, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd ready{channel, events, 0};
    const int status = poll(&ready, 1, static_cast<int>(std::min<long long>(left, kLongestWait)));
    if (status > 0 || (status < 0 && errno != EINTR)) return true;
  }
}

/// A child that does not listen any more ends this too: how it ended is found when it is waited for.
Transfer send_input(int channel, std::string_view input, Clock::time_point deadline) {
  while (!input.empty()) {
    if (!wait_for(channel, POLLOUT, deadline)) return Transfer::TimeIsUp;
    const ssize_t sent = send(channel, input.data(), input.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent <= 0) break;
    input.remove_prefix(static_cast<std::size_t>(sent));
  }
  shutdown(channel, SHUT_WR);
  return Transfer::Done;
}

/// Reads to the end of the answer.
Transfer read_answer(int channel, Clock::time_point deadline, std::string& answer) {
  char buffer[kTransfer];
  for (;;) {
    if (!wait_for(channel, POLLIN, deadline)) return Transfer::TimeIsUp;
    const ssize_t size = read(channel, buffer, sizeof buffer);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size <= 0) return Transfer::Done;
    answer.append(buffer, static_cast<std::size_t>(size));
  }
}

int reap(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<Child> Child::start(std::string what, const ChildWork& work, const ChildLimits& limits) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return failed(what, fmt::format("did not start: socketpair: {}", std::strerror(errno)));
  const pid_t parent = getpid();
  const pid_t process = fork();
  if (process < 0) {
    const int cause = errno;
    close(ends[0]);
    close(ends[1]);
    return failed(what, fmt::format("did not start: fork: {}", std::strerror(cause)));
  }
  if (process == 0) {
    close(ends[0]);
    be_the_child(ends[1], parent, work, limits);
  }
  close(ends[1]);
  return Child(std::move(what), limits, process, ends[0]);
}

Child::Child(std::string what, const ChildLimits& limits, pid_t process, int channel)
    : what_(std::move(what)), limits_(limits), deadline_(Clock::now() + limits.time), process_(process), channel_(channel) {}

Child::Child(Child&& other) noexcept
    : what_(std::move(other.what_)), limits_(other.limits_), deadline_(other.deadline_), process_(std::exchange(other.process_, -1)), channel_(std::exchange(other.channel_, -1)) {}

Child::~Child() {
  if (process_ < 0) return;
  close(channel_);
  kill(process_, SIGKILL);
  reap(process_);
}

Result<std::string> Child::finish(std::string_view input) {
  if (process_ < 0) return failed(what_, "has been waited for already");
  std::string answer;
  const bool in_time = send_input(channel_, input, deadline_) == Transfer::Done && read_answer(channel_, deadline_, answer) == Transfer::Done;
  close(channel_);
  if (!in_time) kill(process_, SIGKILL);
  const int status = reap(std::exchange(process_, -1));
  if (!in_time) return failed(what_, fmt::format("took longer than {} s and was stopped", static_cast<double>(limits_.time.count()) / 1000));
  if (WIFSIGNALED(status)) return failed(what_, fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status))));
  if (answer.empty()) return failed(what_, fmt::format("ended without an answer (exit status {})", WEXITSTATUS(status)));
  const char state = answer.front();
  answer.erase(0, 1);
  if (state == kDone) return answer;
  if (state == kNoMemory) return failed(what_, fmt::format("needs more than {} MiB of memory", limits_.memory_bytes >> 20));
  for (int kind = 0; kind < 4; ++kind)
    if (state == kErrors[kind]) return std::unexpected(Error{static_cast<ErrorKind>(kind), answer});
  return failed(what_, "gave an answer that is none");
}

Result<std::string> run_in_child(const std::string& what, const std::function<Result<std::string>()>& work, const ChildLimits& limits) {
  auto child = Child::start(what, [&work](const auto&) { return work(); }, limits);
  if (!child) return std::unexpected(child.error());
  return child->finish();
}

}  // namespace flexc::runtime
