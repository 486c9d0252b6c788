// Every truncation, every byte changed in several ways, and spliced files: an Error or a valid tensor, and never a crash. Run
// with the sanitizers (the `sanitize` preset) it also means no read or write out of bounds.
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "flexc/io.h"
#include "tests/io/files.h"

using namespace flexc;
using namespace flexc::test;

namespace {

/// Valid: memory and shape agree, and every element can be read.
void check_whole(const Result<LoadedTensor>& result) {
  if (!result) {
    REQUIRE_FALSE(result.error().message.empty());
    return;
  }
  const TensorView& view = result->tensor.view();
  REQUIRE(view.strides == TensorView::row_major_strides(view.shape));
  REQUIRE(result->tensor.byte_count() < 4096);  // the files below are far smaller
  volatile double sum = 0;
  for (std::int64_t i = 0; i < view.element_count(); ++i) sum = sum + load_as_double(view, i);
}

std::vector<std::string> npy_files() {
  return {npy_of_type("<f4", "(2, 3)", std::string(24, '\x3f')), npy_of_type(">i2", "(3,)", "abcdef", true), npy_of_type("|b1", "()", "\x01"),
          npy_of("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 1, 2), }", std::string(32, '\x40'), 2), npy_of("{'descr': '>u4', 'fortran_order': False, 'shape': (1, 0), }", "", 3)};
}

std::vector<std::string> safetensors_files() {
  return {safetensors_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I8","shape":[1,3],"data_offsets":[8,11]}})", "abcdefghijk"),
          safetensors_of(R"({"__metadata__":{"k":"v"},"a":{"data_offsets":[2,2],"shape":[0],"dtype":"BF16"},"é":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]},"c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}  )", "\x01\x02")};
}

template <class Parse>
void try_all(const std::vector<std::string>& files, Parse&& parse) {
  for (const std::string& file : files) {
    REQUIRE(parse(file).has_value());
    for (std::size_t length = 0; length < file.size(); ++length) {
      // Exactly sized on the heap, so that the sanitizer sees a read of one byte too many.
      const auto part = std::make_unique<char[]>(length + 1);
      std::memcpy(part.get(), file.data(), length);
      check_whole(parse(std::string_view(part.get(), length)));
    }
    for (std::size_t at = 0; at < file.size(); ++at)
      for (int value = 0; value < 256; ++value) {
        std::string changed = file;
        changed[at] = static_cast<char>(value);
        check_whole(parse(changed));
      }
    for (std::size_t at = 0; at < file.size(); ++at) {
      std::string shorter = file, longer = file;
      check_whole(parse(shorter.erase(at, 1)));
      check_whole(parse(longer.insert(at, 1, file[at])));
    }
  }
}

template <class Parse>
void try_splices(const std::vector<std::string>& files, Parse&& parse) {
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    std::string bytes = files[random() % files.size()];
    for (std::uint64_t edits = random() % 6 + 1; edits > 0 && !bytes.empty(); --edits) {
      const std::size_t at = random() % bytes.size(), length = random() % 12;
      const std::string& other = files[random() % files.size()];
      switch (random() % 4) {
        case 0: bytes[at] = static_cast<char>(random()); break;
        case 1: bytes.erase(at, length); break;
        case 2: bytes.insert(at, other.substr(random() % other.size(), length)); break;
        default: bytes.replace(at, length, other.substr(random() % other.size(), length)); break;
      }
    }
    check_whole(parse(bytes));
  }
}

const auto kNpy = [](std::string_view bytes) { return parse_npy(bytes, "t"); };
const auto kSafetensors = [](std::string_view bytes) { return parse_safetensors(bytes, "a", "t"); };

}  // namespace

TEST_CASE("npy: every truncation, every byte, every deletion and doubling") { try_all(npy_files(), kNpy); }
TEST_CASE("npy: random splices") { try_splices(npy_files(), kNpy); }
TEST_CASE("safetensors: every truncation, every byte, every deletion and doubling") { try_all(safetensors_files(), kSafetensors); }
TEST_CASE("safetensors: random splices") { try_splices(safetensors_files(), kSafetensors); }

TEST_CASE("npy: a truncation is never a valid tensor") {
  for (const std::string& file : npy_files())
    for (std::size_t length = 0; length < file.size(); ++length) CHECK_FALSE(kNpy(std::string_view(file).substr(0, length)).has_value());
}
TEST_CASE("safetensors: a truncation is never a valid tensor") {
  for (const std::string& file : safetensors_files())
    for (std::size_t length = 0; length < file.size(); ++length) CHECK_FALSE(kSafetensors(std::string_view(file).substr(0, length)).has_value());
}
