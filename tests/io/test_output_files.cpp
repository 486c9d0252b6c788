#include <catch2/catch.hpp>
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "flexc/io.h"
#include "tests/io/files.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Contains;

TEST_CASE("OutputFiles: nothing is visible before commit, everything after it") {
  Scratch scratch;
  OutputFiles files;
  REQUIRE(files.stage(scratch / "a.npy", "first"));
  REQUIRE(files.stage(scratch / "b.npy", std::string(100000, 'b')));
  CHECK_FALSE(std::filesystem::exists(scratch / "a.npy"));
  CHECK_FALSE(std::filesystem::exists(scratch / "b.npy"));
  REQUIRE(files.commit());
  CHECK(read_file(scratch / "a.npy") == "first");
  CHECK(read_file(scratch / "b.npy").size() == 100000);
  CHECK(scratch.entries() == 2);
}

TEST_CASE("OutputFiles: what is not committed is removed, and the old file stays") {
  Scratch scratch;
  write_file(scratch / "a.npy", "old");
  {
    OutputFiles files;
    REQUIRE(files.stage(scratch / "a.npy", "new"));
    REQUIRE(files.stage(scratch / "b.npy", "new"));
    CHECK(read_file(scratch / "a.npy") == "old");
  }
  CHECK(read_file(scratch / "a.npy") == "old");
  CHECK(scratch.entries() == 1);
}

TEST_CASE("OutputFiles: an existing file is replaced and keeps its permissions; new ones follow the umask") {
  Scratch scratch;
  write_file(scratch / "a.npy", "old");
  std::filesystem::permissions(scratch / "a.npy", std::filesystem::perms(0640));
  const mode_t mask = umask(027);
  OutputFiles files;
  REQUIRE(files.stage(scratch / "a.npy", "new"));
  REQUIRE(files.stage(scratch / "b.npy", "new"));
  REQUIRE(files.commit());
  umask(mask);
  CHECK(read_file(scratch / "a.npy") == "new");
  CHECK(std::filesystem::status(scratch / "a.npy").permissions() == std::filesystem::perms(0640));
  CHECK(std::filesystem::status(scratch / "b.npy").permissions() == std::filesystem::perms(0640));
}

TEST_CASE("OutputFiles: symbolic links are followed, dangling ones too") {
  Scratch scratch;
  std::filesystem::create_directory(scratch / "far");
  write_file(scratch / "far/real", "old");
  std::filesystem::create_symlink("far/real", scratch / "link");
  std::filesystem::create_symlink(scratch / "far/later", scratch / "dangling");
  std::filesystem::create_symlink("link", scratch / "twice");
  OutputFiles files;
  REQUIRE(files.stage(scratch / "twice", "new"));
  REQUIRE(files.stage(scratch / "dangling", "too"));
  REQUIRE(files.commit());
  CHECK(std::filesystem::is_symlink(scratch / "link"));
  CHECK(std::filesystem::is_symlink(scratch / "dangling"));
  CHECK(read_file(scratch / "far/real") == "new");
  CHECK(read_file(scratch / "far/later") == "too");
  std::filesystem::create_symlink("loop", scratch / "loop");
  const auto looped = OutputFiles().stage(scratch / "loop", "x");
  REQUIRE_FALSE(looped);
  CHECK_THAT(looped.error().message, Contains("loop"));
}

TEST_CASE("OutputFiles: targets that cannot be written are refused when staged, with path and cause") {
  Scratch scratch;
  OutputFiles files;
  const auto refusal = [&](const std::filesystem::path& target) {
    const auto checked = OutputFiles::check(target), staged = files.stage(target, "x");
    REQUIRE_FALSE(checked);
    REQUIRE_FALSE(staged);
    CHECK(checked.error().message == staged.error().message);
    CHECK_THAT(staged.error().message, Contains(target.string()));
    return staged.error();
  };
  CHECK_THAT(refusal(scratch / "none/a.npy").message, Contains("no such directory"));
  CHECK(refusal(scratch / "none/a.npy").kind == ErrorKind::Input);
  CHECK_THAT(refusal(scratch.path()).message, Contains("directory"));
  refusal(scratch.path().string() + "/");
  refusal("");
  refusal(scratch / std::string(300, 'n'));
  write_file(scratch / "file", "x");
  CHECK_THAT(refusal(scratch / "file/a.npy").message, Contains("ot a directory"));
  if (geteuid() != 0) {
    std::filesystem::create_directory(scratch / "closed");
    std::filesystem::permissions(scratch / "closed", std::filesystem::perms(0500));
    CHECK(refusal(scratch / "closed/a.npy").kind == ErrorKind::Environment);
    std::filesystem::permissions(scratch / "file", std::filesystem::perms(0400));
    CHECK(refusal(scratch / "file").kind == ErrorKind::Environment);
  }
  CHECK(OutputFiles::check(scratch / "fine.npy"));
  CHECK(files.stage(scratch / std::string(255, 'n'), "x"));  // the longest name there is
  CHECK(files.commit());
  CHECK(read_file(scratch / std::string(255, 'n')) == "x");
}

TEST_CASE("OutputFiles: one target is not staged twice, under any of its names") {
  Scratch scratch;
  OutputFiles files;
  REQUIRE(files.stage(scratch / "a.npy", "x"));
  const auto again = files.stage(scratch / "./a.npy", "y");
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::Usage);
}

TEST_CASE("OutputFiles: when a rename fails, what is not yet renamed is removed") {
  Scratch scratch;
  OutputFiles files;
  REQUIRE(files.stage(scratch / "a", "a"));
  REQUIRE(files.stage(scratch / "b", "b"));
  REQUIRE(files.stage(scratch / "c", "c"));
  std::filesystem::create_directory(scratch / "b");  // in the way of the rename
  const auto done = files.commit();
  REQUIRE_FALSE(done);
  CHECK_THAT(done.error().message, Contains((scratch / "b").string()));
  CHECK(read_file(scratch / "a") == "a");
  CHECK_FALSE(std::filesystem::exists(scratch / "c"));
  CHECK(scratch.entries() == 2);  // a, and the directory b
  CHECK(files.commit());          // nothing is left staged
}

TEST_CASE("OutputFiles: devices and pipes are written in place, before anything is renamed") {
  Scratch scratch;
  {
    OutputFiles files;
    REQUIRE(files.stage("/dev/null", "x"));
    REQUIRE(files.commit());
    CHECK(std::filesystem::is_character_file("/dev/null"));
  }
  {
    OutputFiles files;
    REQUIRE(files.stage(scratch / "a", "a"));
    REQUIRE(files.stage("/dev/full", "x"));
    const auto done = files.commit();
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == ErrorKind::Environment);
    CHECK_THAT(done.error().message, Contains("/dev/full") && Contains("No space"));
    CHECK(scratch.entries() == 0);
  }
  REQUIRE(mkfifo((scratch / "pipe").c_str(), 0600) == 0);
  {
    std::string received;
    std::thread reader([&] { received = read_file(scratch / "pipe"); });
    OutputFiles files;
    const bool staged = files.stage(scratch / "pipe", std::string(200000, 'p')).has_value(), done = files.commit().has_value();
    reader.join();
    CHECK((staged && done));
    CHECK(received == std::string(200000, 'p'));
    CHECK(std::filesystem::is_fifo(scratch / "pipe"));
  }
  {
    // A reader that leaves early is an error, and not the end of the process.
    std::thread reader([&] { ::close(::open((scratch / "pipe").c_str(), O_RDONLY)); });
    OutputFiles files;
    const bool staged = files.stage(scratch / "pipe", std::string(1 << 22, 'p')).has_value();
    const auto done = files.commit();
    reader.join();
    CHECK(staged);
    REQUIRE_FALSE(done);
    CHECK_THAT(done.error().message, Contains("Broken pipe"));
  }
}

TEST_CASE("OutputFiles: a write that fails half-way leaves nothing") {
  Scratch scratch;
  // In a child: a limit on file sizes makes write() fail after 4 KiB, as a full disk does.
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    OutputFiles files;
    const auto done = files.stage(scratch / "a.npy", std::string(100000, 'x'));
    const bool right = !done && done.error().kind == ErrorKind::Environment && done.error().message.find("a.npy") != std::string::npos && scratch.entries() == 0;
    _exit(right ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(scratch.entries() == 0);
}
