#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "flexc/io.h"
#include "tests/io/files.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Contains;

namespace {

std::string refusal(const std::string& path) {
  const auto result = load_tensor(path);
  REQUIRE_FALSE(result);
  return result.error().message;
}

const std::string kOne = safetensors_of(R"({"a:b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x");

}  // namespace

TEST_CASE("load_tensor: .npy and .safetensors:TENSOR") {
  Scratch scratch;
  write_file(scratch / "a.npy", npy_of_type("<f4", "(1,)", little(2.5f) + "?"));
  const auto npy = load_tensor((scratch / "a.npy").string());
  REQUIRE(npy);
  CHECK(npy->tensor.as<float>()[0] == 2.5f);
  CHECK(npy->warnings.size() == 1);
  write_file(scratch / "t.safetensors", kOne);
  const auto tensor = load_tensor((scratch / "t.safetensors:a:b").string());
  REQUIRE(tensor);
  CHECK(tensor->tensor.as<char>()[0] == 'x');
}

TEST_CASE("load_tensor: the split is at the last '.safetensors:'") {
  Scratch scratch;
  std::filesystem::create_directory(scratch / "x.safetensors:y");
  write_file(scratch / "x.safetensors:y/t.safetensors", kOne);
  CHECK(load_tensor((scratch / "x.safetensors:y/t.safetensors:a:b").string()));
  write_file(scratch / "v.safetensors", kOne);
  CHECK_THAT(refusal((scratch / "v.safetensors:w.npy").string()), Contains("no tensor 'w.npy'"));
}

TEST_CASE("load_tensor: a safetensors file without a tensor's name lists the names") {
  Scratch scratch;
  write_file(scratch / "t.safetensors", kOne);
  for (const char* end : {"t.safetensors", "t.safetensors:"}) CHECK_THAT(refusal((scratch / end).string()), Contains("FILE.safetensors:TENSOR") && Contains("'a:b' 'U8' (1,)"));
  CHECK_THAT(refusal((scratch / "t.safetensors:a:c").string()), Contains("did you mean 'a:b'?"));
}

TEST_CASE("load_tensor: paths that lead to no tensor say why") {
  Scratch scratch;
  for (const char* name : {"", "x", "x.txt", "x.npz", "x.NPY", "x.safetensor:a", ".safetensors.txt"}) CHECK_THAT(refusal(name), Contains("neither FILE.npy nor FILE.safetensors:TENSOR"));
  CHECK_THAT(refusal((scratch / "missing.npy").string()), Contains("missing.npy") && Contains("No such file"));
  CHECK_THAT(refusal((scratch / "missing.safetensors:a").string()), Contains("No such file"));
  std::filesystem::create_directory(scratch / "folder.npy");
  CHECK_THAT(refusal((scratch / "folder.npy").string()), Contains("is a directory"));
  REQUIRE(mkfifo((scratch / "pipe.npy").c_str(), 0600) == 0);
  CHECK_THAT(refusal((scratch / "pipe.npy").string()), Contains("is a pipe"));
  std::filesystem::create_symlink("/dev/zero", scratch / "zero.npy");
  CHECK_THAT(refusal((scratch / "zero.npy").string()), Contains("is a device"));
  std::filesystem::create_symlink("loop.npy", scratch / "loop.npy");
  CHECK_THAT(refusal((scratch / "loop.npy").string()), Contains("symbolic links"));
  write_file(scratch / "empty.npy", "");
  CHECK_THAT(refusal((scratch / "empty.npy").string()), Contains("is empty"));
  write_file(scratch / "empty.safetensors", "");
  CHECK_THAT(refusal((scratch / "empty.safetensors:a").string()), Contains("is empty"));
  CHECK_THAT(refusal(std::string("a\0b.npy", 7)), Contains("NUL"));
  CHECK_THAT(refusal((scratch / "\x1b[2J.npy").string()), Contains("\\x1b[2J"));
  if (geteuid() != 0) {
    write_file(scratch / "secret.npy", "x");
    std::filesystem::permissions(scratch / "secret.npy", std::filesystem::perms::none);
    CHECK_THAT(refusal((scratch / "secret.npy").string()), Contains("Permission denied"));
  }
}

TEST_CASE("load_tensor: a sparse file of a terabyte does not take a terabyte") {
  Scratch scratch;
  write_file(scratch / "sparse.npy", npy_of_type("<f4", "(2,)", ""));
  std::error_code refused;
  std::filesystem::resize_file(scratch / "sparse.npy", std::uintmax_t{1} << 40, refused);
  if (refused) return;  // a file system without files of that size
  const auto result = load_tensor((scratch / "sparse.npy").string());
  REQUIRE(result);
  CHECK(result->warnings.size() == 1);
}

TEST_CASE("load_tensor: the real tensors beside the tests") {
  const std::string file = std::string(FLEXC_TEST_DATA) + "/minilm_layer3.safetensors";
  const auto q = load_tensor(file + ":q"), doc = load_tensor(file + ":doc");
  REQUIRE((q && doc));
  CHECK(q->tensor.view().shape == std::vector<std::int64_t>{1, 12, 470, 32});
  CHECK(q->tensor.view().dtype == f32);
  CHECK(doc->tensor.view().shape == std::vector<std::int64_t>{470});
  CHECK(doc->tensor.view().dtype == i32);
}
