#include "tools/gpu_kit/case_file.h"

#include "runtime/cuda/member_bytes.h"

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
  nlohmann::ordered_json json = {{"name", value.name}, {"variant", value.variant}, {"cubin", value.cubin}, {"expected_out", value.expected_out}, {"expected_lse", value.expected_lse}};
  json["member"] = hex(runtime::serialize({value.member, {}}));
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
    auto described = runtime::deserialize_member(unhex(json.at("member").get<std::string>()));
    if (!described) return std::unexpected(described.error());
    value.member = std::move(described->member);
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
