// Evaluates a variant's mods at single pairs: one JSON request a line on stdin, one JSON answer a line on stdout.
//
// Request:  {"source": TEXT  (or "score": EXPR and/or "mask": EXPR),
//            "consts": {NAME: TEXT}, "params": {NAME: INTEGER or f32 bits}, "problem": [B, H, HKV, Q, KV],
//            "captures": {NAME: {"dtype": "f32", "shape": [..], "data": [..]}},   floats as their bits, integers as they are
//            "points": {"score": [[score as f64 bits, b, h, q, kv], ..], "mask": [[b, h, q, kv], ..]}, "normal": true}
// Answer:   {"score": [f64 bits, ..], "mask": [0 or 1, ..], "fault": [capture, axis, index] or null, "warnings": [CODE, ..], "normal": TEXT}
//       or  {"errors": [{"code", "message", "line", "column"}, ..]} or {"launch_error": TEXT}
#include <bit>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "dsl/elaborate/elaborate.h"
#include "dsl/syntax/parse.h"
#include "dsl/syntax/resolve.h"
#include "flexc/dsl/evaluate.h"

namespace {

using Json = nlohmann::json;
using namespace flexc;

const std::map<std::string, DType, std::less<>> kDTypes = {{"f32", DType::F32}, {"f16", DType::F16}, {"bf16", DType::BF16}, {"i32", DType::I32},
                                                           {"i64", DType::I64}, {"u8", DType::U8},   {"bool", DType::Bool}};

/// A capture's storage, and the view of it.
struct Storage {
  std::vector<std::byte> bytes;
  TensorView view;
};

template <class T>
void append(std::vector<std::byte>& bytes, T value) {
  const auto* raw = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), raw, raw + sizeof value);
}

Storage storage_of(const Json& capture) {
  Storage storage;
  const DType dtype = kDTypes.at(capture.at("dtype").get<std::string>());
  for (const Json& value : capture.at("data")) {
    switch (dtype) {
      case DType::F32: append(storage.bytes, value.get<std::uint32_t>()); break;
      case DType::F16:
      case DType::BF16: append(storage.bytes, value.get<std::uint16_t>()); break;
      case DType::I32: append(storage.bytes, value.get<std::int32_t>()); break;
      case DType::I64: append(storage.bytes, value.get<std::int64_t>()); break;
      default: append(storage.bytes, value.get<std::uint8_t>()); break;
    }
  }
  storage.bytes.resize(storage.bytes.size() + 8);  // an empty tensor has an address too
  storage.view = TensorView(storage.bytes.data(), dtype, capture.at("shape").get<std::vector<std::int64_t>>());
  return storage;
}

Json errors_of(const Diagnostics& diagnostics) {
  Json errors = Json::array();
  for (const Diagnostic& entry : diagnostics.entries()) {
    if (entry.severity != Severity::Error) continue;
    const Location at = diagnostics.locate(entry.span);
    errors.push_back({{"code", std::string(entry.code)}, {"message", entry.message}, {"line", at.line}, {"column", at.column}});
  }
  return {{"errors", errors}};
}

/// `name` of the request, or an empty object.
Json part(const Json& request, const char* name) { return request.contains(name) ? request.at(name) : Json::object(); }

Json answer(const Json& request) {
  std::vector<Source> sources;
  if (request.contains("source")) {
    sources.push_back({"test.flex", request.at("source").get<std::string>()});
  } else {
    for (const char* mod : {"score", "mask"}) sources.push_back({request.contains(mod) ? mod : "", request.value(mod, "")});
  }
  Diagnostics diagnostics;
  const auto program = request.contains("source") ? dsl::parse_file(sources[0], diagnostics)
                                                  : dsl::parse_expressions(sources[0], sources[1], diagnostics);
  dsl::resolve(*program, diagnostics);
  dsl::ElaborateOptions options;
  const Json consts = part(request, "consts"), captures = part(request, "captures"), params = part(request, "params");
  for (const auto& [name, text] : consts.items()) options.consts.emplace(name, text.get<std::string>());
  for (const auto& [name, capture] : captures.items()) {
    options.captures.emplace(name, dsl::CaptureType{kDTypes.at(capture.at("dtype").get<std::string>()), static_cast<int>(capture.at("shape").size())});
  }
  const auto form = dsl::elaborate(*program, options, diagnostics);
  if (diagnostics.has_errors() || !form) return errors_of(diagnostics);

  Json result;
  result["warnings"] = Json::array();
  for (const Diagnostic& entry : diagnostics.entries()) result["warnings"].push_back(std::string(entry.code));
  if (request.value("normal", false)) result["normal"] = form->text;

  dsl::Environment environment;
  if (request.contains("problem")) {
    const auto sizes = request.at("problem").get<std::vector<std::int64_t>>();
    environment.problem = {sizes.at(0), sizes.at(1), sizes.at(2), sizes.at(3), sizes.at(4)};
  }
  std::vector<std::unique_ptr<Storage>> storages;
  for (const dsl::CaptureInfo& info : form->captures) {
    if (!captures.contains(info.name)) {
      environment.captures.emplace_back();
      continue;
    }
    storages.push_back(std::make_unique<Storage>(storage_of(captures.at(info.name))));
    environment.captures.push_back(storages.back()->view);
  }
  for (const dsl::ParamInfo& info : form->params) {
    dsl::ParamValue value{.integer = info.default_integer.value_or(0), .real = info.default_float.value_or(0)};
    if (params.contains(info.name)) {
      if (info.type == DType::F32) {
        value.real = std::bit_cast<float>(params.at(info.name).get<std::uint32_t>());
      } else {
        value.integer = params.at(info.name).get<std::int64_t>();
      }
    }
    environment.params.push_back(value);
  }
  const auto fresh = dsl::bind_dims(*form, environment);
  if (!fresh) return {{"launch_error", fresh.error().message}};

  const Json points = part(request, "points");
  result["fault"] = nullptr;
  const auto note_fault = [&](const dsl::Evaluator& evaluator) {
    if (const auto& fault = evaluator.fault()) result["fault"] = {form->captures[fault->capture].name, fault->axis, fault->index};
  };
  if (points.contains("score")) {
    result["score"] = Json::array();
    if (!form->score) return {{"launch_error", "the variant has no score_mod"}};
    dsl::Evaluator evaluator(*form->score, *form, environment, *fresh);
    for (const Json& at : points.at("score")) {
      const double value = evaluator.score(std::bit_cast<double>(at[0].get<std::uint64_t>()), at[1].get<std::int64_t>(), at[2].get<std::int64_t>(),
                                           at[3].get<std::int64_t>(), at[4].get<std::int64_t>());
      result["score"].push_back(std::bit_cast<std::uint64_t>(value));
    }
    note_fault(evaluator);
  }
  if (points.contains("mask")) {
    result["mask"] = Json::array();
    if (!form->mask) return {{"launch_error", "the variant has no mask_mod"}};
    dsl::Evaluator evaluator(*form->mask, *form, environment, *fresh);
    for (const Json& at : points.at("mask")) {
      result["mask"].push_back(evaluator.mask(at[0].get<std::int64_t>(), at[1].get<std::int64_t>(), at[2].get<std::int64_t>(), at[3].get<std::int64_t>()) ? 1 : 0);
    }
    note_fault(evaluator);
  }
  return result;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    try {
      std::cout << answer(Json::parse(line)).dump(-1, ' ', true, Json::error_handler_t::replace) << std::endl;
    } catch (const std::exception& error) {
      std::cerr << "pointwise: a malformed request: " << error.what() << "\n";
      return 2;
    }
  }
  return 0;
}
