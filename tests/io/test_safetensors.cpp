#include <catch2/catch.hpp>

#include "flexc/io.h"
#include "tests/io/files.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Contains;

namespace {

std::string refusal(const std::string& bytes, std::string_view tensor = "a") {
  const auto result = parse_safetensors(bytes, tensor, "t.safetensors");
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::Input);
  CHECK_THAT(result.error().message, Contains("t.safetensors"));
  return result.error().message;
}

/// Two tensors: a, i32 (2,) = 7, 8; b, f32 (1, 1) = 0.5.
const std::string kHeader = R"({"__metadata__":{"format":"pt"},"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1,1],"data_offsets":[8,12]}})";
const std::string kData = little(7) + little(8) + little(0.5f);

/// The refusal of kHeader with `from` replaced by `to`.
std::string spoilt(const std::string& from, const std::string& to, const std::string& data = kData) {
  std::string header = kHeader;
  REQUIRE(header.find(from) != std::string::npos);
  header.replace(header.find(from), from.size(), to);
  return refusal(safetensors_of(header, data));
}

}  // namespace

TEST_CASE("safetensors: tensors are found by name") {
  const std::string file = safetensors_of(kHeader, kData);
  const auto a = parse_safetensors(file, "a", "t"), b = parse_safetensors(file, "b", "t");
  REQUIRE((a && b));
  CHECK(a->tensor.view().shape == std::vector<std::int64_t>{2});
  CHECK((a->tensor.as<std::int32_t>()[0] == 7 && a->tensor.as<std::int32_t>()[1] == 8));
  CHECK(b->tensor.view().shape == std::vector<std::int64_t>{1, 1});
  CHECK(b->tensor.as<float>()[0] == 0.5f);
  CHECK(parse_safetensors(safetensors_of(kHeader + "      ", kData), "a", "t"));  // writers pad with spaces
}

TEST_CASE("safetensors: each dtype") {
  struct Case { const char* name; std::string bytes; DType dtype; double value; };
  const Case cases[] = {{"F16", little<std::uint16_t>(0xC100), f16, -2.5}, {"BF16", little<std::uint16_t>(0x3FC0), bf16, 1.5}, {"F32", little(1.5f), f32, 1.5}, {"F64", little(-0.1), f64, -0.1},
                        {"I8", little<std::int8_t>(-128), i32, -128}, {"I16", little<std::int16_t>(-32768), i32, -32768}, {"I32", little<std::int32_t>(-5), i32, -5},
                        {"I64", little<std::int64_t>(-(1LL << 40)), i64, -0x1p40}, {"U8", little<std::uint8_t>(255), u8, 255}, {"U16", little<std::uint16_t>(65535), i32, 65535},
                        {"U32", little<std::uint32_t>(4294967295u), i64, 4294967295.0}, {"BOOL", little<std::uint8_t>(2), boolean, 1}};
  for (const Case& c : cases) {
    INFO(c.name);
    const std::string header = std::string(R"({"x":{"dtype":")") + c.name + R"(","shape":[],"data_offsets":[0,)" + std::to_string(c.bytes.size()) + "]}}";
    const auto result = parse_safetensors(safetensors_of(header, c.bytes), "x", "t");
    REQUIRE(result);
    CHECK(result->tensor.view().dtype == c.dtype);
    CHECK(load_as_double(result->tensor.view(), 0) == c.value);
  }
  // Others may stand in the file, but not be asked for.
  const std::string mixed = safetensors_of(R"({"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"c":{"dtype":"U64","shape":[1],"data_offsets":[3,11]}})", "abcdefghijk");
  CHECK(parse_safetensors(mixed, "b", "t"));
  CHECK_THAT(refusal(mixed, "a"), Contains("F8_E4M3") && Contains("convert"));
  CHECK_THAT(refusal(mixed, "c"), Contains("U64") && Contains("I64"));
}

TEST_CASE("safetensors: an unknown name lists the names, and the nearest") {
  const std::string file = safetensors_of(R"({"query":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},"key":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})", kData);
  CHECK_THAT(refusal(file, "qurey"), Contains("did you mean 'query'?") && Contains("'key' 'F32' (1,), 'query' 'I32' (2,)"));
  CHECK_THAT(refusal(file, "zzzzz"), !Contains("did you mean") && Contains("'key'"));
  CHECK_THAT(refusal(file, ""), Contains("which tensor?") && Contains("'query'"));
  CHECK_THAT(refusal(safetensors_of("{}", ""), "x"), Contains("no tensors"));
  CHECK_THAT(refusal(safetensors_of(kHeader, kData), "__metadata__"), Contains("there is no tensor"));
}

TEST_CASE("safetensors: header lengths are bounded by the file") {
  for (std::uint64_t length : {std::uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7, std::uint64_t{1} << 32, std::uint64_t{3}}) {
    INFO(length);
    CHECK_THAT(refusal(little(length) + "{}"), Contains("announced"));
  }
  CHECK_THAT(refusal(""), Contains("empty"));
  CHECK_THAT(refusal("1234567"), Contains("too few"));
  CHECK_THAT(refusal(little(std::uint64_t{0})), Contains("does not begin with '{'"));
  CHECK_THAT(refusal(little(std::uint64_t{2}) + "[]"), Contains("does not begin with '{'"));
  CHECK_THAT(refusal(little(std::uint64_t{3}) + " {}"), Contains("does not begin with '{'"));
}

TEST_CASE("safetensors: offsets must cover the data once, and match shape and dtype") {
  CHECK_THAT(spoilt("[8,12]", "[4,8]"), Contains("'b' overlaps 'a'"));
  CHECK_THAT(spoilt("[8,12]", "[0,4]"), Contains("overlaps"));
  CHECK_THAT(spoilt("[8,12]", "[12,16]"), Contains("out of range"));
  CHECK_THAT(spoilt("[8,12]", "[8,18446744073709551615]"), Contains("out of range"));
  CHECK_THAT(spoilt("[8,12]", "[18446744073709551612,0]"), Contains("reversed"));
  CHECK_THAT(spoilt("[8,12]", "[12,8]"), Contains("reversed"));
  CHECK_THAT(spoilt("[8,12]", "[8,11]"), Contains("takes 4 bytes") && Contains("span 3"));
  CHECK_THAT(spoilt("[8,12]", "[9,13]", kData + "x"), Contains("bytes 8 to 9"));
  CHECK_THAT(spoilt("[8,12]", "[8,12]", kData + "x"), Contains("last 1 bytes"));
  CHECK_THAT(spoilt("[1,1]", "[1,2]"), Contains("takes 8 bytes"));
  CHECK_THAT(spoilt("\"F32\"", "\"F64\""), Contains("takes 8 bytes"));
  CHECK_THAT(spoilt("[1,1]", "[4294967296,4294967296]"), Contains("larger than any memory"));
  CHECK_THAT(spoilt("[1,1]", "[0,9223372036854775807,9223372036854775807]"), Contains("larger than any memory"));
  CHECK_THAT(refusal(safetensors_of(kHeader, kData.substr(0, 11))), Contains("truncated"));
  // Empty tensors share any offset.
  CHECK(parse_safetensors(safetensors_of(R"({"e":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"f":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})", little(1.0f)), "e", "t"));
}

TEST_CASE("safetensors: duplicate names are refused, at every level") {
  CHECK_THAT(spoilt("\"b\":{", "\"a\":{"), Contains("'a' is there twice"));
  CHECK_THAT(spoilt("\"b\":{", "\"\\u0061\":{"), Contains("'a' is there twice"));
  CHECK_THAT(spoilt("\"dtype\":\"F32\"", "\"dtype\":\"F32\",\"dtype\":\"F32\""), Contains("'dtype' twice"));
  CHECK_THAT(spoilt("\"format\":\"pt\"", "\"format\":\"pt\",\"format\":\"pt\""), Contains("'format' twice"));
  CHECK_THAT(spoilt("\"a\":{", "\"__metadata__\":{},\"a\":{"), Contains("twice"));
}

TEST_CASE("safetensors: the header's structure is fixed") {
  CHECK_THAT(spoilt("[8,12]", "[8,12,12]"), Contains("not two"));
  CHECK_THAT(spoilt("[8,12]", "[8]"), Contains("not two"));
  CHECK_THAT(spoilt("[8,12]", "8"), Contains("two integers"));
  CHECK_THAT(spoilt("[8,12]", "[8,-12]"), Contains("negative"));
  CHECK_THAT(spoilt("[8,12]", "[8,12.0]"), Contains("12.0"));
  CHECK_THAT(spoilt("[8,12]", "[8,1e400]"), Contains("JSON"));
  CHECK_THAT(spoilt("[1,1]", "[1,[1]]"), Contains("an array"));
  CHECK_THAT(spoilt("[1,1]", "[1,18446744073709551615]"), Contains("larger than any memory"));
  CHECK_THAT(spoilt("[1,1]", "[1,18446744073709551616]"), Contains("18446744073709551616"));
  CHECK_THAT(spoilt("[1,1]", "null"), Contains("null"));
  CHECK_THAT(spoilt("\"F32\"", "32"), Contains("dtype of tensor 'b'"));
  CHECK_THAT(spoilt("\"dtype\":\"F32\",", ""), Contains("lacks 'dtype'"));
  CHECK_THAT(spoilt("\"dtype\":\"F32\"", "\"kind\":\"F32\""), Contains("unknown field 'kind'"));
  CHECK_THAT(spoilt("\"pt\"", "1"), Contains("texts to texts"));
  CHECK_THAT(spoilt("\"pt\"", "{}"), Contains("texts to texts"));
  CHECK_THAT(spoilt("}}", "}"), Contains("JSON"));
  CHECK_THAT(spoilt("}}", "}}{}"), Contains("JSON"));
  CHECK_THAT(refusal(safetensors_of(R"({"a":[]})", "")), Contains("should be an object"));
  CHECK_THAT(refusal(safetensors_of(R"({"a":{}})", "")), Contains("lacks"));
}

TEST_CASE("safetensors: depth bombs and floods end at once") {
  constexpr std::size_t kDepth = 1000000;
  refusal(safetensors_of("{\"a\":" + std::string(kDepth, '['), ""));
  std::string nested;
  for (std::size_t i = 0; i < kDepth; ++i) nested += "{\"a\":";
  refusal(safetensors_of(nested, ""));
  refusal(safetensors_of("{\"a\":{\"shape\":" + std::string(kDepth, '[') + std::string(kDepth, ']') + "}}", ""));
  std::string extents = "1";
  for (int i = 0; i < 100; ++i) extents += ",1";
  CHECK_THAT(spoilt("[1,1]", "[" + extents + "]"), Contains("64 dimensions"));
}

TEST_CASE("safetensors: wrong UTF-8 is refused, and no message carries it on") {
  for (const char* bad : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x01"}) {
    const std::string words = spoilt("\"b\":{", std::string("\"").append(bad).append("\":{"));
    CHECK_THAT(words, Contains("JSON"));
    CHECK(words.find(bad) == std::string::npos);
  }
  // Right UTF-8 that would garble a terminal: escaped in the listing.
  const std::string file = safetensors_of(R"({"\u001b[31m":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u202e":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"é":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", "");
  const std::string words = refusal(file, "x");
  CHECK(words.find('\x1b') == std::string::npos);
  CHECK(words.find("\u202e") == std::string::npos);
  CHECK_THAT(words, Contains("\\x1b[31m") && Contains("\\xe2\\x80\\xae") && Contains("é"));
}
