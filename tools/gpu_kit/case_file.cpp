#include "tools/gpu_kit/case_file.h"

namespace flexc::kit {

nlohmann::ordered_json to_json(const Case& value) {
  const Extents& e = value.extents;
  return {{"name", value.name},
          {"variant", value.variant},
          {"bundle", value.bundle},
          {"dtype", static_cast<int>(value.dtype)},
          {"shape", {e.batch, e.heads, e.kv_heads, e.q_len, e.kv_len, e.head_dim}},
          {"positions", {e.q_offset, e.q_step, e.kv_offset, e.kv_step}},
          {"seed", value.seed},
          {"expected_out", value.expected_out},
          {"expected_lse", value.expected_lse},
          {"model_out", value.model_out},
          {"most_error", value.limits.error},
          {"most_mean_error", value.limits.mean_error},
          {"most_lse_error", value.limits.lse_error}};
}

Result<Case> case_from_json(const nlohmann::ordered_json& json) {
  try {
    Case value;
    json.at("name").get_to(value.name), json.at("variant").get_to(value.variant), json.at("bundle").get_to(value.bundle);
    json.at("expected_out").get_to(value.expected_out), json.at("expected_lse").get_to(value.expected_lse), json.at("model_out").get_to(value.model_out);
    value.dtype = static_cast<DType>(json.at("dtype").get<int>());
    const auto shape = json.at("shape").get<std::vector<std::int64_t>>();
    if (shape.size() != 6) return std::unexpected(Error{ErrorKind::Input, "a case has six extents"});
    value.extents = {.batch = shape[0], .heads = shape[1], .kv_heads = shape[2], .q_len = shape[3], .kv_len = shape[4], .head_dim = shape[5]};
    const auto positions = json.at("positions").get<std::vector<std::int64_t>>();
    if (positions.size() != 4) return std::unexpected(Error{ErrorKind::Input, "a case has an offset and a step of rows and of keys"});
    value.extents.q_offset = positions[0], value.extents.q_step = positions[1], value.extents.kv_offset = positions[2], value.extents.kv_step = positions[3];
    json.at("seed").get_to(value.seed);
    json.at("most_error").get_to(value.limits.error), json.at("most_mean_error").get_to(value.limits.mean_error), json.at("most_lse_error").get_to(value.limits.lse_error);
    return value;
  } catch (const nlohmann::json::exception& problem) {
    return std::unexpected(Error{ErrorKind::Input, std::string("no case of the kit: ") + problem.what()});
  }
}

}  // namespace flexc::kit
