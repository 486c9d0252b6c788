#include <array>
#include <catch2/catch.hpp>
#include <climits>
#include <cmath>

#include "flexc/io.h"
#include "tests/io/files.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Contains;

namespace {

LoadedTensor loaded(const std::string& bytes) {
  auto result = parse_npy(bytes, "t.npy");
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result);
  return *result;
}

std::string refusal(const std::string& bytes) {
  const auto result = parse_npy(bytes, "t.npy");
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::Input);
  CHECK_THAT(result.error().message, Contains("t.npy"));
  return result.error().message;
}

using Shape = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("npy: each dtype, in both byte orders, holds its value") {
  struct Case { const char* type; std::string little_bytes, big_bytes; DType dtype; double value; };
  const Case cases[] = {
      {"f2", little<std::uint16_t>(0xC100), big<std::uint16_t>(0xC100), f16, -2.5},
      {"f4", little(1.5f), big(1.5f), f32, 1.5},
      {"f8", little(-0.1), big(-0.1), f64, -0.1},
      {"i1", little<std::int8_t>(-128), big<std::int8_t>(-128), i32, -128},
      {"i2", little<std::int16_t>(-32768), big<std::int16_t>(-32768), i32, -32768},
      {"i4", little<std::int32_t>(INT32_MIN + 1), big<std::int32_t>(INT32_MIN + 1), i32, INT32_MIN + 1.0},
      {"i8", little<std::int64_t>(-(1LL << 40)), big<std::int64_t>(-(1LL << 40)), i64, -0x1p40},
      {"u1", little<std::uint8_t>(255), big<std::uint8_t>(255), u8, 255},
      {"u2", little<std::uint16_t>(65535), big<std::uint16_t>(65535), i32, 65535},
      {"u4", little<std::uint32_t>(4294967295u), big<std::uint32_t>(4294967295u), i64, 4294967295.0},
      {"b1", little<std::uint8_t>(1), big<std::uint8_t>(1), boolean, 1},
  };
  for (const Case& c : cases) {
    INFO(c.type);
    const std::string type = c.type;
    for (const auto& [descr, bytes] : {std::pair{"<" + type, c.little_bytes}, {">" + type, c.big_bytes}, {"=" + type, c.little_bytes}, {type, c.little_bytes}}) {
      INFO(descr);
      const LoadedTensor tensor = loaded(npy_of_type(descr, "(1,)", bytes));
      CHECK(tensor.warnings.empty());
      CHECK(tensor.tensor.view().dtype == c.dtype);
      CHECK(tensor.tensor.view().shape == Shape{1});
      CHECK(load_as_double(tensor.tensor.view(), 0) == c.value);
    }
    if (c.little_bytes.size() == 1) CHECK(load_as_double(loaded(npy_of_type("|" + type, "()", c.little_bytes)).tensor.view(), 0) == c.value);
    else CHECK_THAT(refusal(npy_of_type("|" + type, "()", c.little_bytes)), Contains("byte order"));
  }
}

TEST_CASE("npy: a boolean byte other than 0 and 1 is true, and stored as 1") {
  const auto tensor = loaded(npy_of_type("|b1", "(4,)", std::string("\x00\x01\x02\xFF", 4))).tensor;
  CHECK((tensor.as<std::uint8_t>()[0] == 0 && tensor.as<std::uint8_t>()[2] == 1 && tensor.as<std::uint8_t>()[3] == 1));
}

TEST_CASE("npy: NaN payloads of 16-bit floats survive a change of byte order") {
  CHECK(loaded(npy_of_type(">f2", "(1,)", big<std::uint16_t>(0x7D01))).tensor.as<std::uint16_t>()[0] == 0x7D01);
}

TEST_CASE("npy: Fortran order becomes row-major") {
  // Element (i, j, k) of shape (2, 3, 4) is 100i + 10j + k; Fortran order runs over i first.
  std::string data;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) data += little<std::int32_t>(100 * i + 10 * j + k);
  const auto tensor = loaded(npy_of_type("<i4", "(2, 3, 4)", data, true)).tensor;
  CHECK(tensor.view().shape == Shape{2, 3, 4});
  CHECK(tensor.view().strides == Shape{12, 4, 1});
  for (int i = 0, at = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k, ++at) CHECK(tensor.as<std::int32_t>()[at] == 100 * i + 10 * j + k);
  CHECK(loaded(npy_of_type("<i4", "(3, 0)", "", true)).tensor.view().shape == Shape{3, 0});
  CHECK(loaded(npy_of_type("<i4", "(1,)", little(7), true)).tensor.as<std::int32_t>()[0] == 7);
}

TEST_CASE("npy: versions 1, 2 and 3, and the spellings of the dictionary that are legal") {
  const std::string data = little(1.0f) + little(2.0f);
  for (int major : {1, 2, 3}) CHECK(loaded(npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", data, major)).tensor.as<float>()[1] == 2);
  for (const char* dictionary : {"{'descr':'<f4','fortran_order':False,'shape':(2,)}", "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2L,)}",
                                 "  { 'shape' : ( 2 , ) , 'fortran_order' : False , 'descr' : '<f4' , }   ", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}",
                                 "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2,)}"})
    CHECK(loaded(npy_of(dictionary, data)).tensor.byte_count() == 8);
  CHECK_THAT(refusal(npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", data, 4)), Contains("version 4.0"));
  CHECK_THAT(refusal(npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", data, 0)), Contains("version 0.0"));
}

TEST_CASE("npy: malformed dictionaries are refused") {
  const std::string data(64, '\0');
  for (const char* dictionary :
       {"", "{", "{}", "()", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2]}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (0x2,)}", "{'descr': <f4, 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'extra': 1}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "{'descr: '<f4', 'fortran_order': False, 'shape': (2,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}}",
        "__import__('os').system('true')", "{'descr': '<\\x66\\x34', 'fortran_order': False, 'shape': (2,)}"})
    refusal(npy_of(dictionary, data));
  CHECK_THAT(refusal(npy_of("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", data)), Contains("twice"));
  CHECK_THAT(refusal(npy_of("{'descr': '<f4', 'shape': (2,)}", data)), Contains("lacks 'fortran_order'"));
}

TEST_CASE("npy: dtypes that are not read are refused by name, with a remedy") {
  const std::string data(64, '\0');
  const auto words = [&](const char* descr) { return refusal(npy_of_type(descr, "(1,)", data)); };
  CHECK_THAT(words("|O"), Contains("'|O'") && Contains("object") && Contains("astype"));
  CHECK_THAT(words("<c8"), Contains("'<c8'") && Contains("complex") && Contains(".real"));
  CHECK_THAT(words("<c16"), Contains("complex"));
  CHECK_THAT(words("<u8"), Contains("'<u8'") && Contains("unsigned 64-bit") && Contains("int64"));
  CHECK_THAT(words("<U5"), Contains("text"));
  CHECK_THAT(words("|S5"), Contains("text"));
  CHECK_THAT(words("<M8[ns]"), Contains("date"));
  CHECK_THAT(words("|V2"), Contains("'|V2'") && Contains("bfloat16"));
  CHECK_THAT(words("<f16"), Contains("float of another width") && Contains("float64"));
  CHECK_THAT(words("<i3"), Contains("unknown"));
  CHECK_THAT(words("<f44"), Contains("'<f44'"));
  CHECK_THAT(words(""), Contains("no dtype"));
  const std::string structured = refusal(npy_of("{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,), }", data));
  CHECK_THAT(structured, Contains("[('a', '<f4'), ('b', '<i4')]") && Contains("structured") && Contains("one field"));
}

TEST_CASE("npy: shapes that overflow, or promise more than the file holds, cost nothing") {
  for (const char* shape : {"(9223372036854775807,)", "(9223372036854775808,)", "(99999999999999999999999999,)", "(4294967296, 4294967296)", "(2, 4611686018427387904)",
                            "(0, 9223372036854775807, 9223372036854775807)", "(9223372036854775807, 0, 2)", "(1152921504606846976, 8)"}) {
    INFO(shape);
    CHECK_THAT(refusal(npy_of_type("<f4", shape, "")), Contains("larger than any memory"));
  }
  CHECK_THAT(refusal(npy_of_type("<f4", "(1000000000000,)", "abcd")), Contains("truncated") && Contains("4000000000000 bytes") && Contains("4 follow"));
  CHECK_THAT(refusal(npy_of_type("|i1", "(1000000000000,)", "abcd")), Contains("truncated"));
  CHECK_THAT(refusal(npy_of_type("<f4", "(3,)", little(1.0f) + little(2.0f))), Contains("truncated"));
  std::string many = "(";
  for (int i = 0; i < 65; ++i) many += "1, ";
  CHECK_THAT(refusal(npy_of_type("<f4", many + ")", little(1.0f))), Contains("64 dimensions"));
}

TEST_CASE("npy: bytes after the data are ignored with a warning") {
  const LoadedTensor tensor = loaded(npy_of_type("<f4", "(1,)", little(1.0f) + "xyz"));
  REQUIRE(tensor.warnings.size() == 1);
  CHECK_THAT(tensor.warnings[0], Contains("t.npy") && Contains("3 bytes"));
}

TEST_CASE("npy: scalars and empty tensors") {
  CHECK(loaded(npy_of_type("<f4", "()", little(3.0f))).tensor.view().rank() == 0);
  CHECK(loaded(npy_of_type("<f4", "(0,)", "")).tensor.view().shape == Shape{0});
  CHECK(loaded(npy_of_type(">i2", "(5, 0, 3)", "")).tensor.byte_count() == 0);
}

TEST_CASE("npy: what is no npy file is said to be none") {
  CHECK_THAT(refusal(""), Contains("empty"));
  CHECK_THAT(refusal("PK\x03\x04 a zip file, as numpy.savez makes"), Contains("not a .npy file"));
  CHECK_THAT(refusal("\x93NUM"), Contains("truncated"));
  CHECK_THAT(refusal(std::string("\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF", 12)), Contains("truncated") && Contains("4294967295"));
  std::string huge("\x93NUMPY\x02\x00", 8);
  huge += little(std::uint32_t{2u << 20});
  huge.append(3u << 20, ' ');
  CHECK_THAT(refusal(huge), Contains("refused"));
}

TEST_CASE("npy_bytes: what is written is read back, whatever the strides") {
  for (DType type : {f32, f16, bf16, i32, i64, u8, boolean, f64}) {
    INFO(name_of(type));
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{0, 4}, Shape{2, 1, 3, 2}}) {
      Tensor tensor(type, shape);
      for (std::size_t i = 0; i < tensor.byte_count(); ++i) tensor.as<unsigned char>()[i] = static_cast<unsigned char>(type == boolean ? i % 2 : i * 37 + 1);
      const std::string bytes = npy_bytes(tensor.view());
      CHECK((bytes.size() - static_cast<std::size_t>(tensor.view().element_count()) * (type == bf16 ? 4 : size_of(type))) % 64 == 0);
      const auto back = loaded(bytes).tensor;
      CHECK(back.view().dtype == (type == bf16 ? f32 : type));
      CHECK(back.view().shape == shape);
      for (std::int64_t i = 0; i < tensor.view().element_count(); ++i) {
        const double a = load_as_double(tensor.view(), i), b = load_as_double(back.view(), i);
        CHECK(((a == b) || (std::isnan(a) && std::isnan(b))));
      }
    }
  }
  const std::array<std::int32_t, 6> data{0, 1, 2, 3, 4, 5};
  const auto turned = loaded(npy_bytes(TensorView(data.data(), i32, {3, 2}, {1, 3}))).tensor;
  CHECK(std::vector<std::int32_t>(turned.as<std::int32_t>(), turned.as<std::int32_t>() + 6) == std::vector<std::int32_t>{0, 3, 1, 4, 2, 5});
  const auto broadcast = loaded(npy_bytes(TensorView(data.data() + 4, i32, {2, 2}, {0, 1}))).tensor;
  CHECK(std::vector<std::int32_t>(broadcast.as<std::int32_t>(), broadcast.as<std::int32_t>() + 4) == std::vector<std::int32_t>{4, 5, 4, 5});
}

TEST_CASE("npy_bytes: the exact bytes, as numpy writes them") {
  const float value = 1.0f;
  const std::string bytes = npy_bytes(TensorView(&value, f32, {1}));
  const std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  CHECK(bytes == std::string("\x93NUMPY\x01\x00\x76\x00", 10) + dictionary + std::string(117 - dictionary.size(), ' ') + "\n" + little(value));
}
