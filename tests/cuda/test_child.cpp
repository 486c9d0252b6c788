// Whatever becomes of the child, the caller gets an answer or an error, in time, and no process is left.
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cuda/child.h"

using namespace flexc;
using namespace flexc::runtime;
using namespace std::chrono_literals;

namespace {

bool has_no_children() { return waitpid(-1, nullptr, WNOHANG) < 0; }

/// The message of an error; empty for an answer.
std::string failure(const std::function<Result<std::string>()>& work, const ChildLimits& limits = {}) {
  const auto answer = run_in_child("the work", work, limits);
  CHECK(has_no_children());
  return answer ? "" : answer.error().message;
}

}  // namespace

TEST_CASE("a child's answer and its errors come back whole") {
  const std::string large(5'000'000, 'x');
  const auto answer = run_in_child("the work", [&]() -> Result<std::string> { return large; });
  REQUIRE(answer.has_value());
  CHECK(*answer == large);
  const auto none = run_in_child("the work", []() -> Result<std::string> { return std::string(); });
  REQUIRE(none.has_value());
  CHECK(none->empty());
  for (const ErrorKind kind : {ErrorKind::Input, ErrorKind::Usage, ErrorKind::Environment, ErrorKind::Internal}) {
    const auto error = run_in_child("the work", [&]() -> Result<std::string> { return std::unexpected(Error{kind, "why"}); });
    REQUIRE_FALSE(error.has_value());
    CHECK(error.error().kind == kind);
    CHECK(error.error().message == "why");
  }
  CHECK(has_no_children());
}

TEST_CASE("a child that is killed, crashes, ends, hangs or takes all memory is an error in time") {
  CHECK(failure([]() -> Result<std::string> { raise(SIGKILL); return std::string(); }).find("killed by signal 9") != std::string::npos);
  CHECK(failure([]() -> Result<std::string> { signal(SIGSEGV, SIG_DFL); raise(SIGSEGV); return std::string(); }).find("killed by signal 11") != std::string::npos);
  CHECK(failure([]() -> Result<std::string> { _exit(3); }).find("without an answer (exit status 3)") != std::string::npos);
  CHECK(failure([]() -> Result<std::string> { for (;;) pause(); }, {.time = 200ms}).find("longer than 0.2 s") != std::string::npos);
#if !defined(__SANITIZE_ADDRESS__)
  const auto greedy = []() -> Result<std::string> {
    std::vector<std::vector<char>> held;
    for (;;) held.emplace_back(16 << 20, 'x');
  };
  CHECK(failure(greedy, {.memory_bytes = 128 << 20}).find("more than 128 MiB") != std::string::npos);
#endif
}

TEST_CASE("a child begins before its input is there, and gets all of it") {
  auto child = Child::start("the work", [](const auto& input) -> Result<std::string> { return "got " + input(); });
  REQUIRE(child.has_value());
  const std::string large(3'000'000, 'y');
  const auto answer = child->finish(large);
  REQUIRE(answer.has_value());
  CHECK(*answer == "got " + large);
  CHECK(has_no_children());
  CHECK_FALSE(child->finish(large).has_value());
}

TEST_CASE("a child that does not listen, or that nobody waits for, leaves nothing behind") {
  const std::string large(3'000'000, 'y');
  auto deaf = Child::start("the work", [](const auto&) -> Result<std::string> { return "done"; });
  REQUIRE(deaf.has_value());
  const auto answer = deaf->finish(large);
  REQUIRE(answer.has_value());
  CHECK(*answer == "done");
  auto stuck = Child::start("the work", [](const auto&) -> Result<std::string> { for (;;) pause(); }, {.time = 200ms});
  REQUIRE(stuck.has_value());
  const auto late = stuck->finish(large);
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().message.find("longer than 0.2 s") != std::string::npos);
  {
    const auto forgotten = Child::start("the work", [](const auto& input) -> Result<std::string> { return input(); });
    REQUIRE(forgotten.has_value());
  }
  CHECK(has_no_children());
}
