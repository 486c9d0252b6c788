// Bundles with cubins that were damaged, or whose parts contradict each other, are refused whole.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/bundle/container.h"
#include "runtime/cuda/member_bytes.h"
#include "tests/bundle/cuda_bundle.h"
#include "tests/cuda/gpu_call.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Matchers::Contains;
using Json = nlohmann::ordered_json;

namespace {

std::string refusal(const std::vector<std::byte>& bytes) {
  const auto bundle = Engine().load_bundle(bytes);
  if (bundle) return "";
  CHECK(bundle.error().kind == ErrorKind::Input);
  return bundle.error().message;
}

}  // namespace

TEST_CASE("a bundle with cubins that was damaged is refused whole") {
  if (!has_nvrtc()) return;
  std::vector<std::byte> bytes = bytes_of(cuda_bundle().bytes);
  const std::size_t head = runtime::kBundleHeaderBytes + runtime::decode_bundle(bytes)->table.size();
  int accepted = 0, tried = 0;
  for (std::size_t i = 0; i < bytes.size(); i += i < head || bytes.size() - i <= 40 ? 1 : 61)
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      bytes[i] ^= static_cast<std::byte>(flip);
      accepted += refusal(bytes).empty(), ++tried;
      bytes[i] ^= static_cast<std::byte>(flip);
    }
  for (std::size_t size = 0; size < bytes.size(); size += 113) accepted += refusal({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}).empty(), ++tried;
  WARN("bundle with cubins: " << tried << " damaged ones, " << accepted << " accepted");
  CHECK(accepted == 0);
  CHECK(refusal(bytes).empty());
}

TEST_CASE("contradictions about cubins are found, whatever the digest says") {
  if (!has_nvrtc()) return;
  const std::vector<std::byte> bytes = bytes_of(cuda_bundle().bytes);
  const auto parts = runtime::decode_bundle(bytes);
  REQUIRE(parts.has_value());
  struct Parts {
    Json table;
    std::vector<std::byte> blobs;
    Json& narrow() { return table["variants"][0]["cuda"][0]; }
    Json& wide() { return table["variants"][0]["cuda"][1]; }
    std::span<std::byte> blob(const Json& index) {
      std::size_t begin = 0;
      for (std::size_t i = 0; i < index.get<std::size_t>(); ++i) begin += table["blobs"][i].get<std::size_t>();
      return std::span(blobs).subspan(begin, table["blobs"][index.get<std::size_t>()].get<std::size_t>());
    }
  };
  const auto after = [&](auto change) {
    Parts changed{Json::parse(parts->table), {parts->blobs.begin(), parts->blobs.end()}};
    change(changed);
    return refusal(runtime::encode_bundle(changed.table.dump(), changed.blobs));
  };
  CHECK(after([](Parts&) {}).empty());
  CHECK_THAT(after([](Parts& p) { p.table["launch_interface"] = "0123456789abcdef"; }), Contains("launched in another way"));
  CHECK_THAT(after([](Parts& p) { p.table["devices"].push_back("tpu"); }), Contains("`devices`"));
  CHECK_THAT(after([](Parts& p) { p.narrow()["dtype"] = "f16"; }), Contains("another dtype or head dim"));
  CHECK_THAT(after([](Parts& p) { p.narrow()["head_dim"] = 128; }), Contains("another dtype or head dim"));
  CHECK_THAT(after([](Parts& p) { p.narrow()["member"] = "wide"; }), Contains("CUDA kernel of 'window'"));
  CHECK_THAT(after([](Parts& p) { p.wide()["member"] = "narrow"; }), Contains("there are two of it"));
  CHECK_THAT(after([](Parts& p) { p.table["variants"][0]["cuda"].erase(1); }), Contains("none for calls beyond what it assumes"));
  CHECK_THAT(after([](Parts& p) { p.table["variants"][0]["cuda"].erase(0); }), Contains("no narrow member"));
  CHECK_THAT(after([](Parts& p) { p.table["variants"][0]["cuda"].erase(3), p.table["variants"][0]["cuda"].erase(2); }), Contains("no plain kernel beside it"));
  CHECK_THAT(after([](Parts& p) { std::swap(p.narrow()["machine"], p.table["variants"][0]["cuda"][2]["machine"]); }), Contains("another kernel than one for its machine"));
  CHECK_THAT(after([](Parts& p) { p.wide().erase("cubin"); }), Contains("none for calls beyond what it assumes"));
  CHECK_THAT(after([](Parts& p) { std::swap(p.narrow()["cubin"], p.narrow()["source"]); }), Contains("CUDA kernel of 'window'"));
  CHECK_THAT(after([](Parts& p) { std::swap(p.narrow()["launch"], p.narrow()["source"]); }), Contains("describes no kernel"));
  CHECK_THAT(after([](Parts& p) { p.wide()["launch"] = p.narrow()["launch"]; }), Contains("a wide member assumes something"));
  CHECK_THAT(after([](Parts& p) { p.table["variants"][0]["params"] = Json::array(); }), Contains("other captures and params"));
  CHECK_THAT(after([](Parts& p) {
               const auto cubin = p.blob(p.narrow()["cubin"]);
               const std::string_view name = runtime::kHopperKernel;
               const auto at = std::search(cubin.begin(), cubin.end(), name.begin(), name.end(), [](std::byte a, char b) { return std::to_integer<char>(a) == b; });
               for (auto i = at; i != cubin.end();) {
                 *i = std::byte{'g'};
                 i = std::search(i, cubin.end(), name.begin(), name.end(), [](std::byte a, char b) { return std::to_integer<char>(a) == b; });
               }
             }),
             Contains("CUDA kernel of 'window'"));
  // A cubin that takes fewer bytes than are passed: its description has a word more.
  CHECK_THAT(after([](Parts& p) {
               auto described = runtime::deserialize_member(p.blob(p.narrow()["launch"]));
               REQUIRE(described.has_value());
               described->member.params.push_back({runtime::HookWords::Kind::Problem, 0, 1});
               ++described->member.param_words;
               const std::vector<std::byte> longer = runtime::serialize(*described);
               p.narrow()["launch"] = p.table["blobs"].size();
               p.table["blobs"].push_back(longer.size());
               p.blobs.insert(p.blobs.end(), longer.begin(), longer.end());
             }),
             Contains("other arguments than its description says"));
  // A capture that is not there.
  CHECK_THAT(after([](Parts& p) {
               auto described = runtime::deserialize_member(p.blob(p.narrow()["launch"]));
               REQUIRE(described.has_value());
               for (runtime::HookWords& piece : described->member.params)
                 if (piece.kind == runtime::HookWords::Kind::Capture) piece.index = 9;
               const std::vector<std::byte> changed = runtime::serialize(*described);
               std::ranges::copy(changed, p.blob(p.narrow()["launch"]).begin());
             }),
             Contains("other captures and params"));
}
