#include "runtime/cuda/disassemble.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

extern char** environ;

namespace flexc::runtime {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool is_program(const fs::path& path) { return access(path.c_str(), X_OK) == 0; }

std::string find_disassembler() {
  if (const std::string chosen = variable("FLEXC_NVDISASM"); !chosen.empty()) return is_program(chosen) ? chosen : "";
  std::stringstream folders(variable("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');)
    if (!folder.empty() && is_program(fs::path(folder) / "nvdisasm")) return (fs::path(folder) / "nvdisasm").string();
  if (is_program("/usr/local/cuda/bin/nvdisasm")) return "/usr/local/cuda/bin/nvdisasm";
  std::error_code ignored;
  for (const std::string& prefix : {variable("VIRTUAL_ENV"), variable("HOME") + "/.local", std::string("/usr"), std::string("/usr/local")}) {
    if (prefix.empty()) continue;
    for (const auto& python : fs::directory_iterator(fs::path(prefix) / "lib", ignored))
      for (const char* part : {"site-packages/nvidia/cuda_nvdisasm/bin/nvdisasm", "site-packages/nvidia/cu13/bin/nvdisasm"})
        if (python.path().filename().string().starts_with("python3") && is_program(python.path() / part)) return (python.path() / part).string();
  }
  return "";
}

/// A file that goes away with the object.
class TemporaryFile {
 public:
  TemporaryFile() : path_((fs::temp_directory_path() / "flexc-cubin-XXXXXX").string()), file_(mkostemp(path_.data(), O_CLOEXEC)) {}
  ~TemporaryFile() {
    if (file_ < 0) return;
    close(file_);
    unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }
  bool is_open() const { return file_ >= 0; }

 private:
  std::string path_;
  int file_;
};

}  // namespace

Result<std::string> disassemble(std::span<const std::byte> cubin) {
  const auto missing = [](std::string message) { return std::unexpected(Error{ErrorKind::Environment, std::move(message)}); };
  const std::string program = find_disassembler();
  if (program.empty())
    return missing("nvdisasm is neither in PATH nor under /usr/local/cuda nor in a PyPI wheel nvidia-cuda-nvdisasm; FLEXC_NVDISASM may name the file");
  TemporaryFile input, output;
  if (!input.is_open() || !output.is_open()) return missing("no temporary file can be made for nvdisasm");
  std::ofstream(input.path(), std::ios::binary).write(reinterpret_cast<const char*>(cubin.data()), static_cast<std::streamsize>(cubin.size()));

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.path().c_str(), O_WRONLY | O_TRUNC, 0600);
  std::vector<std::string> words{program, "--print-code", input.path()};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int started = posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (started != 0) return missing(fmt::format("{} does not start (error {})", program, started));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return missing(fmt::format("{} fails on the cubin", program));
  std::stringstream text;
  text << std::ifstream(output.path()).rdbuf();
  return text.str();
}

}  // namespace flexc::runtime
