#include "tools/flexc/peers.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/flexc/failure.h"
#include "tools/flexc/machine_limits.h"

extern char** environ;

namespace flexc::cli {
namespace {

/// A first call compiles; minutes are usual where nothing is cached.
constexpr int kMostWaitMs = 1'200'000;

/// The last line of a file that says something.
std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string line, last;
  while (std::getline(file, line))
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  return last;
}

}  // namespace

/// The child, and the socket that is its standard input and output. Its standard error goes to a file.
struct Peer::Process {
  pid_t pid = -1;
  int socket = -1;
  std::string errors, pending;

  ~Process() {
    if (socket >= 0) close(socket);  // it ends when its input does …
    if (pid <= 0) return;
    kill(pid, SIGTERM);              // … or, in the midst of a call, now
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
  }

  /// The child's next line; nothing where it has ended, or says nothing for long.
  std::optional<nlohmann::json> receive() {
    for (;;) {
      if (const std::size_t end = pending.find('\n'); end != std::string::npos) {
        auto line = nlohmann::json::parse(pending.substr(0, end), nullptr, false);
        pending.erase(0, end + 1);
        if (line.is_object()) return line;
        continue;  // something that a library printed
      }
      pollfd waiting{socket, POLLIN, 0};
      const int ready = poll(&waiting, 1, kMostWaitMs);
      if (ready < 0 && errno == EINTR) continue;
      std::array<char, 4096> part;
      const ssize_t got = ready > 0 ? read(socket, part.data(), part.size()) : 0;
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return std::nullopt;
      pending.append(part.data(), static_cast<std::size_t>(got));
    }
  }

  std::optional<nlohmann::json> ask(const nlohmann::json& question) {
    const std::string line = question.dump() + "\n";
    for (std::size_t sent = 0; sent < line.size();) {
      const ssize_t part = send(socket, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
      if (part < 0 && errno == EINTR) continue;
      if (part <= 0) return std::nullopt;
      sent += static_cast<std::size_t>(part);
    }
    return receive();
  }
};

Peer::Peer(const std::string& python, const std::string& folder, const std::string& peer, int threads) : process_(std::make_unique<Process>()), name_(peer) {
  const std::string script = folder + "/peer.py";
  process_->errors = folder + "/" + peer + ".err";
  std::ofstream(script) << peer_script();
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw Failure(ErrorKind::Environment, fmt::format("--compare: {}", std::strerror(errno)));
  process_->socket = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, process_->errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::string words[] = {python, "-B", script, folder, peer, std::to_string(threads)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // A peer computes on as many CPUs as flexc: a process inherits what its starter is bound to.
  const int status = [&] {
    const AllCpus all_cpus;
    if (!all_cpus.granted()) return EPERM;
    return posix_spawnp(&process_->pid, python.c_str(), &actions, nullptr, arguments.data(), environ);
  }();
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (status != 0) {
    process_->pid = -1;
    throw Failure(ErrorKind::Input, fmt::format("--compare {}: it cannot be started: {}", python, std::strerror(status)));
  }
  const auto first = process_->receive();
  if (!first) {
    const std::string why = last_line(process_->errors);
    unavailable_ = why.empty() ? "it ended without a word" : why;
  } else if (first->contains("unavailable")) {
    unavailable_ = first->value("unavailable", "it does not say why");
  } else {
    version_ = first->value("version", "");
    first_call_s_ = first->value("first_call_s", 0.0);
  }
}

Peer::~Peer() = default;

std::optional<double> Peer::run() {
  if (!takes_part()) return std::nullopt;
  const auto answer = process_->ask({{"do", "run"}});
  if (answer && answer->contains("seconds")) return answer->value("seconds", 0.0);
  unavailable_ = answer ? answer->value("unavailable", "it answers what was not asked") : "it ended in the midst of its calls: " + last_line(process_->errors);
  return std::nullopt;
}

std::optional<double> Peer::relative_difference(const std::string& path) {
  if (!takes_part()) return std::nullopt;
  const auto answer = process_->ask({{"do", "check"}, {"out", path}});
  if (!answer || !answer->contains("difference")) {
    unavailable_ = answer ? answer->value("unavailable", "it answers what was not asked") : "it ended over its output: " + last_line(process_->errors);
    return std::nullopt;
  }
  const double largest = answer->value("largest", 0.0);
  return largest > 0 ? answer->value("difference", 0.0) / largest : answer->value("difference", 0.0);
}

}  // namespace flexc::cli
