// Each rule that the driver documents for cuTensorMapEncodeTiled: a request that keeps it at its limit passes, one that breaks it is
// refused in its words.
#include <catch2/catch.hpp>
#include <functional>

#include "runtime/cuda/tensor_map.h"

using namespace flexc::runtime;
using Request = TensorMapRequest;

namespace {

/// K of [B 2, H 4, 1000, D 128] in bf16, as the Hopper kernel loads it.
Request good() {
  Request request;
  request.rank = 4;
  request.address = 0x7f0000000400;
  request.sizes = {128, 1000, 4, 2};
  request.strides = {256, 256 * 1000, 256 * 4000};
  request.box = {64, 128, 1, 1};
  request.swizzle = Request::Swizzle::Bytes128;
  return request;
}

struct Rule {
  const char* words;
  std::function<void(Request&)> keep, break_it;
};

const Rule kRules[] = {
    {"element type", [](Request& r) { r.element = Request::Element::F16; }, [](Request& r) { r.element = static_cast<Request::Element>(77); }},
    {"none of the driver's", [](Request& r) { r.promotion = Request::Promotion::Bytes256; }, [](Request& r) { r.promotion = static_cast<Request::Promotion>(4); }},
    {"none of the driver's", [](Request&) {}, [](Request& r) { r.swizzle = static_cast<Request::Swizzle>(-1); }},
    {"rank", [](Request& r) { r.rank = 5, r.sizes[4] = 1, r.strides[3] = 16, r.box[4] = 1; }, [](Request& r) { r.rank = 6; }},
    {"rank", [](Request& r) { r.rank = 1; }, [](Request& r) { r.rank = 0; }},
    {"at least 3 dimensions", [](Request& r) { r.rank = 3, r.interleave = Request::Interleave::Bytes16; }, [](Request& r) { r.rank = 2, r.interleave = Request::Interleave::Bytes16; }},
    {"address", [](Request& r) { r.address += 16; }, [](Request& r) { r.address += 8; }},
    {"address", [](Request& r) { r.interleave = Request::Interleave::Bytes32, r.swizzle = Request::Swizzle::Bytes32, r.address += 32; },
     [](Request& r) { r.interleave = Request::Interleave::Bytes32, r.swizzle = Request::Swizzle::Bytes32, r.address += 16; }},
    {"size", [](Request& r) { r.sizes[1] = std::uint64_t{1} << 32; }, [](Request& r) { r.sizes[1] = (std::uint64_t{1} << 32) + 1; }},
    {"size", [](Request& r) { r.sizes[3] = 1; }, [](Request& r) { r.sizes[3] = 0; }},
    {"stride", [](Request& r) { r.strides[0] = 16; }, [](Request& r) { r.strides[0] = 24; }},
    {"stride", [](Request& r) { r.strides[2] = (std::uint64_t{1} << 40) - 16; }, [](Request& r) { r.strides[2] = std::uint64_t{1} << 40; }},
    {"stride", [](Request& r) { r.interleave = Request::Interleave::Bytes32, r.swizzle = Request::Swizzle::Bytes32; },
     [](Request& r) { r.interleave = Request::Interleave::Bytes32, r.swizzle = Request::Swizzle::Bytes32, r.strides[1] += 16; }},
    {"box", [](Request& r) { r.box[1] = 256; }, [](Request& r) { r.box[1] = 257; }},
    {"box", [](Request& r) { r.box[1] = 1; }, [](Request& r) { r.box[2] = 0; }},
    {"element stride", [](Request& r) { r.element_strides[1] = 8; }, [](Request& r) { r.element_strides[1] = 9; }},
    {"element stride", [](Request& r) { r.element_strides[0] = 0; }, [](Request& r) { r.element_strides[2] = 0; }},
    {"element stride", [](Request& r) { r.interleave = Request::Interleave::Bytes16; }, [](Request& r) { r.interleave = Request::Interleave::Bytes16, r.element_strides[0] = 9; }},
    {"multiple of 16", [](Request& r) { r.box[0] = 8; }, [](Request& r) { r.box[0] = 60; }},
    {"at most the swizzle's 128", [](Request& r) { r.box[0] = 64; }, [](Request& r) { r.box[0] = 72; }},
    {"at most the swizzle's 64", [](Request& r) { r.swizzle = Request::Swizzle::Bytes64, r.box[0] = 32; }, [](Request& r) { r.swizzle = Request::Swizzle::Bytes64, r.box[0] = 40; }},
    {"swizzle of 32 bytes", [](Request& r) { r.interleave = Request::Interleave::Bytes32, r.swizzle = Request::Swizzle::Bytes32; },
     [](Request& r) { r.interleave = Request::Interleave::Bytes32; }},
    {"takes floats", [](Request& r) { r.fill = Request::Fill::Nan; }, [](Request& r) { r.fill = Request::Fill::Nan, r.element = Request::Element::U16; }},
};

}  // namespace

TEST_CASE("every documented rule of a tensor map is checked at its limit") {
  REQUIRE(check_tensor_map(good()).has_value());
  for (const Rule& rule : kRules) {
    INFO(rule.words);
    Request kept = good(), broken = good();
    rule.keep(kept);
    rule.break_it(broken);
    const auto passes = check_tensor_map(kept);
    INFO((passes ? std::string() : passes.error().message));
    CHECK(passes.has_value());
    const auto refused = check_tensor_map(broken);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == flexc::ErrorKind::Internal);
    CHECK(refused.error().message.find(rule.words) != std::string::npos);
  }
}

TEST_CASE("a request that breaks a rule never reaches a driver") {
  Request broken = good();
  broken.rank = 0;
  const auto map = encode_tensor_map(broken);
  REQUIRE_FALSE(map.has_value());
  CHECK(map.error().kind == flexc::ErrorKind::Internal);
}
