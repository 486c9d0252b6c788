// Small files built by hand, and a folder that goes away.
#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace flexc::test {

/// A folder of this test's own, removed with all it holds.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "flexc-io-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(out.good());
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// `value` as little-endian bytes.
template <class T>
std::string little(T value) {
  std::string out(sizeof(T), '\0');
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}
template <class T>
std::string big(T value) {
  std::string out = little(value);
  return {out.rbegin(), out.rend()};
}

/// A .npy file of any dictionary text, right or wrong; no padding.
inline std::string npy_of(std::string_view dictionary, std::string_view data, int major = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(major);
  out += '\0';
  out += major == 1 ? little(static_cast<std::uint16_t>(dictionary.size() + 1)) : little(static_cast<std::uint32_t>(dictionary.size() + 1));
  return out.append(dictionary).append("\n").append(data);
}
inline std::string npy_of_type(std::string_view descr, std::string_view shape, std::string_view data, bool fortran = false) {
  return npy_of("{'descr': '" + std::string(descr) + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + std::string(shape) + ", }", data);
}

inline std::string safetensors_of(std::string_view header, std::string_view data) {
  return little(static_cast<std::uint64_t>(header.size())).append(header).append(data);
}

}  // namespace flexc::test
