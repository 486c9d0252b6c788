// A bundle that is not exactly what was written is refused whole; one that somebody wrote with a digest of its own does no harm.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <random>

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/bundle/container.h"
#include "tests/bundle/bundle_fixture.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Matchers::Contains;
using Json = nlohmann::ordered_json;

namespace {

const std::vector<std::byte>& good() {
  static const std::vector<std::byte> bytes = bytes_of(bundle_of({{"causal", variant_of(find_gallery_entry("causal")->text)},
                                                                  {"alibi", variant_of(find_gallery_entry("alibi")->text)},
                                                                  {"clamped", variant_of("param p: i64 = -3\nparam f: f32 = 0.5\ntensor t: f32[n, 4]\ntensor u: f32[n]\n"
                                                                                         "def score_mod(score, b, h, q, k):\n    return score * f + dot(t[q], t[k]) + u[k + p]\n")}},
                                                                 {.head_dims = {16}, .for_cuda = false})
                                                         .bytes);
  return bytes;
}

/// Why it was refused; empty where it loads.
std::string refusal(const std::vector<std::byte>& bytes) {
  const auto bundle = Engine().load_bundle(bytes);
  if (bundle) return "";
  CHECK(bundle.error().kind == ErrorKind::Input);
  return bundle.error().message;
}

struct Taken {
  Json table;
  std::vector<std::byte> blobs;
};
Taken taken() {
  const auto parts = runtime::decode_bundle(good());
  REQUIRE(parts.has_value());
  return {Json::parse(parts->table), {parts->blobs.begin(), parts->blobs.end()}};
}
/// Signed anew: only what the table and the blobs say is wrong.
std::string refusal(const Json& table, const std::vector<std::byte>& blobs) { return refusal(runtime::encode_bundle(table.dump(), blobs)); }

/// Every place in a JSON value.
void places(const Json& json, const Json::json_pointer& at, std::vector<Json::json_pointer>& found) {
  found.push_back(at);
  if (json.is_object())
    for (const auto& [key, value] : json.items()) places(value, at / key, found);
  if (json.is_array())
    for (std::size_t i = 0; i < json.size(); ++i) places(json[i], at / i, found);
}

}  // namespace

TEST_CASE("the bundle that the others damage loads") {
  CHECK(refusal(good()).empty());
  const Taken parts = taken();
  CHECK(refusal(parts.table, parts.blobs).empty());
}

TEST_CASE("every byte flipped, in three ways") {
  std::vector<std::byte> bytes = good();
  int accepted = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      bytes[i] ^= static_cast<std::byte>(flip);
      accepted += refusal(bytes).empty();
      bytes[i] ^= static_cast<std::byte>(flip);
    }
  CHECK(accepted == 0);
  INFO(bytes.size() << " bytes");
  CHECK(refusal(bytes).empty());
}

TEST_CASE("every truncation, and bytes behind the end") {
  const std::vector<std::byte>& bytes = good();
  int accepted = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) accepted += refusal({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}).empty();
  CHECK(accepted == 0);
  for (const std::size_t more : {1, 32, 5000}) {
    std::vector<std::byte> longer = bytes;
    longer.resize(bytes.size() + more);
    CHECK_THAT(refusal(longer), Contains("damaged or cut off"));
  }
  CHECK_THAT(refusal({}), Contains("not a flexc bundle"));
}

TEST_CASE("other formats, machines and interfaces are named") {
  std::vector<std::byte> bytes = good();
  bytes[8] = std::byte{7};
  CHECK_THAT(refusal(bytes), Contains("bundle format 7") && Contains("reads format 2"));
  Taken parts = taken();
  parts.table["machine"] = "aarch64";
  CHECK_THAT(refusal(parts.table, parts.blobs), Contains("'aarch64' only") && Contains("x86-64"));
  parts = taken();
  parts.table["row_abi"] = 1;
  parts.table["flexc"] = "0.0.9";
  CHECK_THAT(refusal(parts.table, parts.blobs), Contains("flexc '0.0.9'") && Contains("interface 1"));
}

TEST_CASE("a table without one of its fields, or with something else there, is refused or changes nothing that harms") {
  const Taken parts = taken();
  std::vector<Json::json_pointer> all;
  places(parts.table, Json::json_pointer(), all);
  const Json strange[] = {nullptr, true, -1, 4294967296, 1.5, "", "x", Json::array(), Json::object(), Json::array({Json::array()})};
  int loaded = 0, refused = 0;
  for (const Json::json_pointer& place : all) {
    if (place.empty()) continue;
    Json without = parts.table;
    Json& parent = without[place.parent_pointer()];
    if (parent.is_object()) parent.erase(place.back());
    else parent.erase(std::stoul(place.back()));
    (refusal(without, parts.blobs).empty() ? loaded : refused) += 1;
    for (const Json& value : strange) {
      Json changed = parts.table;
      changed[place] = value;
      (refusal(changed, parts.blobs).empty() ? loaded : refused) += 1;
    }
  }
  // What may be left out or changed freely: names, lists such as dims of unused things, defaults, flags.
  CHECK(refused > 8 * loaded);
  CHECK_THAT(refusal(Json::array(), parts.blobs), Contains("table"));
  CHECK_THAT(refusal(runtime::encode_bundle("{\"flexc\": ", parts.blobs)), Contains("no JSON"));
  CHECK_THAT(refusal(runtime::encode_bundle(std::string(100'000, '['), parts.blobs)), Contains("no JSON"));
}

TEST_CASE("contradictions are found") {
  const auto after = [](auto change) {
    Taken parts = taken();
    change(parts);
    return refusal(parts.table, parts.blobs);
  };
  CHECK_THAT(after([](Taken& t) { t.table["variants"][1]["name"] = "causal"; }), Contains("two variants have one name"));
  CHECK_THAT(after([](Taken& t) { t.table["variants"][0]["tile_program"] = 999; }), Contains("blob that is not there"));
  CHECK_THAT(after([](Taken& t) { t.table["blobs"][0] = t.table["blobs"][0].get<int>() + 1; }), Contains("the blobs have"));
  CHECK_THAT(after([](Taken& t) { t.blobs.push_back(std::byte{0}); }), Contains("the blobs have"));
  CHECK_THAT(after([](Taken& t) { t.table["variants"][1]["tile_program"] = t.table["variants"][0]["tile_program"]; }), Contains("other captures"));
  CHECK_THAT(after([](Taken& t) { std::swap(t.table["variants"][0]["cpu"][0]["object"], t.table["variants"][0]["tile_program"]); }), Contains("causal"));
  CHECK_THAT(after([](Taken& t) { t.table["variants"][0]["cpu"] = Json::array(); }), Contains("no CPU code"));
  CHECK_THAT(after([](Taken& t) {
               for (Json& member : t.table["variants"][0]["cpu"]) member["member"] = "wide", member["assumptions"] = 1;
             }),
             Contains("wide member assumes"));
  CHECK_THAT(after([](Taken& t) { t.table["variants"][0]["cpu"][0]["assumptions"] = 4096; }), Contains("`assumptions`"));
}

TEST_CASE("damage under a good digest: refused, or loaded without harm") {
  const Taken parts = taken();
  const std::string table = parts.table.dump();
  std::mt19937_64 random(20);
  int refused = 0;
  constexpr int kRounds = 4000;
  for (int i = 0; i < kRounds; ++i) {
    std::string text = table;
    std::vector<std::byte> blobs = parts.blobs;
    if (i % 2 == 0) text[random() % text.size()] = static_cast<char>(random());
    else blobs[random() % blobs.size()] = static_cast<std::byte>(random());
    const auto bundle = Engine().load_bundle(runtime::encode_bundle(text, blobs));
    refused += !bundle;
    if (bundle)
      for (const BundledVariant& variant : bundle->variants()) (void)bundle->kernel(variant.name, {.head_dim = 16});
  }
  INFO(refused << " of " << kRounds << " refused");
  CHECK(refused > kRounds / 10);
}

TEST_CASE("files that are no bundle: missing, empty, a directory, a FIFO, another format") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("flexc-bundle-" + std::to_string(::getpid()));
  fs::create_directory(folder);
  const auto load = [&](const char* name) {
    const auto bundle = Engine().load_bundle((folder / name).string());
    return bundle ? "" : bundle.error().message;
  };
  CHECK_THAT(load("missing.flexb"), Contains("missing.flexb") && Contains("No such file"));
  std::ofstream(folder / "empty.flexb").close();
  CHECK_THAT(load("empty.flexb"), Contains("not a flexc bundle"));
  fs::create_directory(folder / "folder.flexb");
  CHECK_THAT(load("folder.flexb"), Contains("directory"));
  REQUIRE(::mkfifo((folder / "fifo.flexb").c_str(), 0600) == 0);
  CHECK_THAT(load("fifo.flexb"), Contains("no regular file"));
  std::ofstream(folder / "text.flexb") << "def mask_mod(b, h, q, k):\n    return q >= k\n";
  CHECK_THAT(load("text.flexb"), Contains("not a flexc bundle"));
  std::ofstream(folder / "good.flexb", std::ios::binary).write(reinterpret_cast<const char*>(good().data()), static_cast<std::streamsize>(good().size()));
  CHECK(load("good.flexb").empty());
  fs::remove_all(folder);
}
