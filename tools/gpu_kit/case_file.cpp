#include "tools/gpu_kit/case_file.h"

namespace flexc::kit {
namespace {

std::string hex(const std::vector<std::byte>& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) text += kDigits[static_cast<unsigned>(byte) >> 4], text += kDigits[static_cast<unsigned>(byte) & 15];
  return text;
}

std::vector<std::byte> unhex(const std::string& text) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) bytes.push_back(static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
  return bytes;
}

}  // namespace

nlohmann::ordered_json to_json(const Case& value) {
  const runtime::HopperMember& member = value.member;
  nlohmann::ordered_json json = {{"name", value.name}, {"variant", value.variant}, {"cubin", value.cubin}, {"expected_out", value.expected_out}, {"expected_lse", value.expected_lse}};
  json["tile"] = {static_cast<int>(member.tile.element), member.tile.m, member.tile.n, member.tile.d, member.tile.dv};
  json["threads"] = member.threads, json["smem"] = member.dynamic_smem_bytes;
  json["score_class"] = static_cast<int>(member.score_class), json["has_band"] = member.has_band, json["has_mask"] = member.has_mask;
  json["layout"] = nlohmann::ordered_json::array();
  for (const runtime::HookWords& piece : member.params) json["layout"].push_back({static_cast<int>(piece.kind), piece.index, piece.count});
  json["param_words"] = member.param_words;
  json["launch"] = hex(runtime::serialize(member.launch));
  json["shape"] = value.shape, json["seed"] = value.seed, json["scale"] = value.scale;
  json["most_error"] = value.most_error, json["most_mean_error"] = value.most_mean_error, json["most_lse_error"] = value.most_lse_error;
  json["captures"] = nlohmann::ordered_json::array();
  for (const CaseCapture& capture : value.captures) json["captures"].push_back({capture.file, static_cast<int>(capture.dtype), capture.shape});
  json["params"] = nlohmann::ordered_json::array();
  for (const auto& param : value.params) json["params"].push_back({param.integer, static_cast<double>(param.real), param.is_real});
  json["fresh_dims"] = value.fresh_dims;
  return json;
}

Result<Case> case_from_json(const nlohmann::ordered_json& json) {
  try {
    Case value;
    json.at("name").get_to(value.name), json.at("variant").get_to(value.variant), json.at("cubin").get_to(value.cubin);
    json.at("expected_out").get_to(value.expected_out), json.at("expected_lse").get_to(value.expected_lse);
    runtime::HopperMember& member = value.member;
    const auto& tile = json.at("tile");
    member.tile = {static_cast<device::Element>(tile.at(0).get<int>()), tile.at(1).get<unsigned>(), tile.at(2).get<unsigned>(), tile.at(3).get<unsigned>(), tile.at(4).get<unsigned>()};
    json.at("threads").get_to(member.threads), json.at("smem").get_to(member.dynamic_smem_bytes);
    member.score_class = static_cast<runtime::ScoreClass>(json.at("score_class").get<int>());
    json.at("has_band").get_to(member.has_band), json.at("has_mask").get_to(member.has_mask);
    for (const auto& piece : json.at("layout"))
      member.params.push_back({static_cast<runtime::HookWords::Kind>(piece.at(0).get<int>()), piece.at(1).get<unsigned>(), piece.at(2).get<unsigned>()});
    json.at("param_words").get_to(member.param_words);
    auto launch = runtime::deserialize_launch_program(unhex(json.at("launch").get<std::string>()));
    if (!launch) return std::unexpected(launch.error());
    member.launch = std::move(*launch);
    json.at("shape").get_to(value.shape), json.at("seed").get_to(value.seed), json.at("scale").get_to(value.scale);
    json.at("most_error").get_to(value.most_error), json.at("most_mean_error").get_to(value.most_mean_error), json.at("most_lse_error").get_to(value.most_lse_error);
    for (const auto& capture : json.at("captures"))
      value.captures.push_back({capture.at(0).get<std::string>(), static_cast<DType>(capture.at(1).get<int>()), capture.at(2).get<std::vector<std::int64_t>>()});
    for (const auto& param : json.at("params")) value.params.push_back({param.at(0).get<std::int64_t>(), static_cast<float>(param.at(1).get<double>()), param.at(2).get<bool>()});
    json.at("fresh_dims").get_to(value.fresh_dims);
    if (value.shape.size() != 7) return std::unexpected(Error{ErrorKind::Input, "a case has seven extents"});
    return value;
  } catch (const nlohmann::json::exception& problem) {
    return std::unexpected(Error{ErrorKind::Input, std::string("no case of the kit: ") + problem.what()});
  }
}

}  // namespace flexc::kit
