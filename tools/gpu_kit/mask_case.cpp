#include "tools/gpu_kit/mask_case.h"

namespace flexc::kit {
namespace {

/// As text: JSON has no bytes.
std::vector<int> numbers_of(const std::vector<std::byte>& bytes) {
  std::vector<int> numbers;
  for (const std::byte byte : bytes) numbers.push_back(static_cast<int>(byte));
  return numbers;
}

}  // namespace

nlohmann::ordered_json to_json(const MaskCase& value) {
  nlohmann::ordered_json json = {{"name", value.name}, {"program", numbers_of(tile::serialize(value.program))}};
  const BlockMask& frame = value.frame;
  json["shape"] = {frame.batches, frame.heads, frame.q_len, frame.kv_len};
  json["block"] = {frame.block_q, frame.block_kv};
  json["symbols"] = value.launch.symbols, json["fresh_dims"] = value.launch.fresh_dims;
  json["params"] = nlohmann::ordered_json::array();
  for (const auto& param : value.launch.params) json["params"].push_back({param.integer, static_cast<double>(param.real)});
  json["captures"] = nlohmann::ordered_json::array();
  for (const CaseCapture& capture : value.captures) json["captures"].push_back({capture.file, static_cast<int>(capture.dtype), capture.shape});
  return json;
}

Result<MaskCase> mask_case_from_json(const nlohmann::ordered_json& json) {
  try {
    MaskCase value;
    json.at("name").get_to(value.name);
    std::vector<std::byte> bytes;
    for (const auto& number : json.at("program")) bytes.push_back(static_cast<std::byte>(number.get<int>()));
    auto program = tile::deserialize(bytes);
    if (!program) return std::unexpected(program.error());
    value.program = std::move(*program);
    BlockMask& frame = value.frame;
    json.at("shape").at(0).get_to(frame.batches), json.at("shape").at(1).get_to(frame.heads), json.at("shape").at(2).get_to(frame.q_len), json.at("shape").at(3).get_to(frame.kv_len);
    json.at("block").at(0).get_to(frame.block_q), json.at("block").at(1).get_to(frame.block_kv);
    json.at("symbols").get_to(value.launch.symbols), json.at("fresh_dims").get_to(value.launch.fresh_dims);
    for (const auto& param : json.at("params")) value.launch.params.push_back({param.at(0).get<std::int64_t>(), static_cast<float>(param.at(1).get<double>())});
    for (const auto& capture : json.at("captures"))
      value.captures.push_back({capture.at(0).get<std::string>(), static_cast<DType>(capture.at(1).get<int>()), capture.at(2).get<std::vector<std::int64_t>>()});
    return value;
  } catch (const nlohmann::json::exception& problem) {
    return std::unexpected(Error{ErrorKind::Input, std::string("no mask of the kit: ") + problem.what()});
  }
}

}  // namespace flexc::kit
