// Identities of libraries: what readelf says, and nothing for what is no library.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "runtime/cache/file_identity.h"

using flexc::runtime::file_identity;
namespace fs = std::filesystem;

namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 256> buffer;
  while (std::fgets(buffer.data(), buffer.size(), pipe.get())) text += buffer.data();
  return text;
}

}  // namespace

TEST_CASE("the build id is the one that readelf prints", "[identity]") {
  const std::string self = fs::canonical("/proc/self/exe").string();
  const std::string notes = output_of("readelf -n '" + self + "' 2>/dev/null | sed -n 's/.*Build ID: //p'");
  const std::string expected = notes.empty() ? "-" : notes.substr(0, notes.find('\n'));
  const std::string identity = file_identity("/proc/self/exe");
  CHECK_THAT(identity, Catch::StartsWith(self + " " + std::to_string(fs::file_size(self)) + " "));
  CHECK_THAT(identity, Catch::EndsWith(" " + expected));
}

TEST_CASE("a change of size or time is another identity; what is not a file is absent", "[identity]") {
  const fs::path folder = fs::temp_directory_path() / ("flexc-identity-" + std::to_string(::getpid()));
  fs::create_directory(folder);
  const fs::path file = folder / "library";
  std::ofstream(file) << "not an ELF file";
  const std::string first = file_identity(file.string());
  CHECK_THAT(first, Catch::EndsWith(" -"));
  CHECK(file_identity(file.string()) == first);
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  const std::string later = file_identity(file.string());
  CHECK(later != first);
  std::ofstream(file, std::ios::app) << "!";
  CHECK(file_identity(file.string()) != later);
  CHECK(file_identity((folder / "none").string()) == "absent");
  CHECK(file_identity(folder.string()) == "absent");
  fs::remove_all(folder);
}

TEST_CASE("notes that lie about their lengths are not followed", "[identity]") {
  const fs::path file = fs::temp_directory_path() / ("flexc-notes-" + std::to_string(::getpid()));
  fs::copy_file("/proc/self/exe", file, fs::copy_options::overwrite_existing);
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  std::string head(4096, '\0');
  stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  for (const char spoiled : {'\xff', '\x7f'}) {
    for (std::size_t at = 64; at < head.size(); at += 4) {  // behind the ELF header: program headers and notes
      stream.clear();
      stream.seekp(static_cast<std::streamoff>(at));
      stream.write(&spoiled, 1);
      stream.flush();
      CHECK_FALSE(file_identity(file.string()).empty());
    }
  }
  stream.close();
  fs::remove(file);
}
