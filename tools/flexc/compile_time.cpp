#include "tools/flexc/compile_time.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "tools/flexc/temporary_folder.h"

namespace flexc::cli {
namespace {

/// In the child: its messages would come twice, and what it dumps is not what is measured.
[[noreturn]] void be_child(int channel, const std::string& cache, const std::function<double()>& compilation) {
  int status = EXIT_FAILURE;
  try {
    if (const int null = open("/dev/null", O_RDWR); null >= 0) {
      dup2(null, STDOUT_FILENO);
      dup2(null, STDERR_FILENO);
    }
    setenv("FLEXC_CACHE_DIR", cache.c_str(), 1);
    unsetenv("FLEXC_DUMP");
    const double seconds = compilation();
    if (write(channel, &seconds, sizeof seconds) == sizeof seconds) status = EXIT_SUCCESS;
  } catch (...) {  // the parent compiles too, and says what is wrong
  }
  _exit(status);  // no destructor, no flush: those are the parent's
}

std::optional<double> one_child(const std::function<double()>& compilation) {
  const TemporaryFolder cache;  // an empty one
  std::array<int, 2> channel{};
  if (cache.path().empty() || pipe(channel.data()) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) be_child(channel[1], cache.path(), compilation);
  close(channel[1]);
  double seconds = 0;
  ssize_t got = -1;
  if (child > 0) {
    do got = read(channel[0], &seconds, sizeof seconds);
    while (got < 0 && errno == EINTR);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  }
  close(channel[0]);
  return got == sizeof seconds ? std::optional(seconds) : std::nullopt;
}

}  // namespace

std::vector<double> cold_compile_seconds(int processes, const std::function<double()>& compilation) {
  std::vector<double> times;
  for (int i = 0; i < processes; ++i) {
    const std::optional<double> seconds = one_child(compilation);
    if (!seconds) break;
    times.push_back(*seconds);
  }
  std::ranges::sort(times);
  return times;
}

}  // namespace flexc::cli
