#include "compiler/host/host_compiler.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

extern char** environ;

namespace flexc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostOfALog = 4000;

std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

/// A folder of mode 0700 that goes with the object.
struct PrivateFolder {
  fs::path path;
  PrivateFolder() {
    std::error_code error;
    std::string name = (fs::temp_directory_path(error) / "flexc-model-XXXXXX").string();
    if (!error && mkdtemp(name.data()) != nullptr) path = name;
  }
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path.empty()) fs::remove_all(path, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
};

std::string content(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// Exit status of the command, which is not a shell's: no quoting, and the output goes to `log`. Negative: -errno of what kept it from starting.
int run_command(const std::vector<std::string>& command, const fs::path& log) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -error;
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

LoadedObject::~LoadedObject() { dlclose(handle_); }

void* LoadedObject::symbol(const char* name) const { return dlsym(handle_, name); }

Result<std::shared_ptr<const LoadedObject>> compile_and_load(std::span<const SourceFile> files, std::string_view main, const std::string& keep) {
  const PrivateFolder folder;
  if (folder.path.empty()) return failed(ErrorKind::Environment, "device model: no temporary folder can be made");
  for (const SourceFile& file : files) {
    const fs::path path = folder.path / file.name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    std::ofstream stream(path, std::ios::binary);
    stream << file.text;
    stream.close();
    if (error || !stream) return failed(ErrorKind::Environment, fmt::format("device model: {} cannot be written", path.string()));
  }
  const char* const chosen = std::getenv("CXX");
  const std::string compiler = chosen != nullptr && *chosen != '\0' ? chosen : "c++";
  const fs::path log = folder.path / "log", object = folder.path / "kernel.so";
  // As the device code is compiled: no contraction.
  const std::vector<std::string> command = {compiler,  "-std=c++20", "-O1",           "-ffp-contract=off", "-fPIC", "-shared", "-w",
                                            "-I",      folder.path,  "-o",            object,              folder.path / main};
  const int status = run_command(command, log);
  // 127: glibc's and a shell's way of saying that the program was not there.
  if (status < 0 || status == 127) {
    return failed(ErrorKind::Environment, fmt::format("device model: it needs a C++ compiler, and `{}` cannot be run ({}); install one (Debian: g++) or set CXX", compiler,
                                                      status < 0 ? std::strerror(-status) : "not found"));
  }
  if (status != 0) {
    return failed(ErrorKind::Internal, fmt::format("device model: `{}` rejects the kernel (exit status {}):\n{}", compiler, status, content(log).substr(0, kMostOfALog)));
  }
  if (!keep.empty()) {
    std::error_code error;
    if (!fs::copy_file(object, keep, fs::copy_options::overwrite_existing, error)) return failed(ErrorKind::Environment, fmt::format("{} cannot be written", keep));
  }
  void* const handle = dlopen(object.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return failed(ErrorKind::Internal, fmt::format("device model: the compiled kernel cannot be loaded: {}", dlerror()));
  return std::make_shared<const LoadedObject>(handle);
}

}  // namespace flexc
