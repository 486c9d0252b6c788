#include "tools/gpu_kit/case_file.h"

namespace flexc::kit {

nlohmann::ordered_json to_json(const Case& value) {
  const Extents& e = value.extents;
  return {{"name", value.name},
          {"variant", value.variant},
          {"bundle", value.bundle},
          {"dtype", static_cast<int>(value.dtype)},
          {"shape", {e.batch, e.heads, e.kv_heads, e.q_len, e.kv_len, e.head_dim}},
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
    value.extents = {shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]};
    json.at("seed").get_to(value.seed);
    json.at("most_error").get_to(value.limits.error), json.at("most_mean_error").get_to(value.limits.mean_error), json.at("most_lse_error").get_to(value.limits.lse_error);
    return value;
  } catch (const nlohmann::json::exception& problem) {
    return std::unexpected(Error{ErrorKind::Input, std::string("no case of the kit: ") + problem.what()});
  }
}

}  // namespace flexc::kit
