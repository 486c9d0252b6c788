#include "runtime/kernel/bindings.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "runtime/nearest_name.h"

namespace flexc {
namespace {

std::unexpected<Error> input_error(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

std::string_view kind_of(bool is_param) { return is_param ? "param" : "capture"; }

/// "did you mean" over the variant's names of the right kind, or what it has instead.
std::string unknown_name(const runtime::Signature& signature, std::string_view name, bool as_param) {
  std::vector<std::string_view> right, other;
  for (const runtime::CaptureInfo& info : signature.captures) (as_param ? other : right).push_back(info.name);
  for (const runtime::ParamInfo& info : signature.params) (as_param ? right : other).push_back(info.name);
  std::string message = fmt::format("the variant has no {} `{}`", kind_of(as_param), name);
  for (const std::string_view candidate : other)
    if (candidate == name) return fmt::format("{}: `{}` is a {}, bind it as one", message, name, kind_of(!as_param));
  if (const std::string_view near = nearest_name(name, right); !near.empty()) return fmt::format("{}; did you mean `{}`?", message, near);
  if (right.empty()) return fmt::format("{}; it has no {}s at all", message, kind_of(as_param));
  std::string list;
  for (const std::string_view candidate : right) list += fmt::format("{}`{}`", list.empty() ? "" : ", ", candidate);
  return fmt::format("{}; its {}s are {}", message, kind_of(as_param), list);
}

Result<TensorView> bind_capture(const runtime::CaptureInfo& info, const Captures& captures, MemoryKind memory) {
  const auto it = captures.tensors().find(info.name);
  if (it == captures.tensors().end()) {
    if (!info.used) return TensorView{};
    return input_error(fmt::format("the variant's capture `{}` ({}, {} dimensions) is not given", info.name, name_of(info.dtype), info.dims.size()));
  }
  const TensorView& tensor = it->second;
  if (tensor.memory != memory)
    return input_error(memory == MemoryKind::Host ? fmt::format("capture `{}` is in CUDA memory, but host memory is read here", info.name)
                                                  : fmt::format("capture `{}` is in host memory, but device cuda reads the GPU's: copy it there first (flexc/cuda_memory.h)", info.name));
  if (tensor.dtype != info.dtype)
    return input_error(fmt::format("capture `{}` is declared {} but the tensor given is {}", info.name, name_of(info.dtype), name_of(tensor.dtype)));
  if (tensor.rank() != info.dims.size())
    return input_error(fmt::format("capture `{}` is declared with {} dimension{} but the tensor given has {}", info.name, info.dims.size(),
                                   info.dims.size() == 1 ? "" : "s", tensor.rank()));
  if (tensor.strides.size() != tensor.rank())
    return input_error(fmt::format("capture `{}` has {} dimensions but {} strides", info.name, tensor.rank(), tensor.strides.size()));
  for (const std::int64_t extent : tensor.shape)
    if (extent < 0) return input_error(fmt::format("capture `{}` has the negative extent {}", info.name, extent));
  if (!tensor.data && tensor.element_count() > 0) return input_error(fmt::format("capture `{}` has no data (a null pointer)", info.name));
  return tensor;
}

Result<runtime::ParamValue> bind_integer(const runtime::ParamInfo& info, const Captures::Scalar& value) {
  if (value.is_real)
    return input_error(fmt::format("param `{}` is {}, which takes an integer{}; {} was given", info.name, name_of(info.type),
                                   info.type == boolean ? " 0 or 1" : "", value.real));
  std::int64_t low = std::numeric_limits<std::int64_t>::min(), high = std::numeric_limits<std::int64_t>::max();
  if (info.type == i32) low = std::numeric_limits<std::int32_t>::min(), high = std::numeric_limits<std::int32_t>::max();
  if (info.type == boolean) low = 0, high = 1;
  if (value.integer < low || value.integer > high)
    return input_error(fmt::format("param `{}` is {}, which takes {} to {}; {} was given", info.name, name_of(info.type), low, high, value.integer));
  return runtime::ParamValue{.integer = value.integer};
}

Result<runtime::ParamValue> bind_float(const runtime::ParamInfo& info, const Captures::Scalar& value) {
  const float narrow = value.is_real ? static_cast<float>(value.real) : static_cast<float>(value.integer);
  if (value.is_real && std::isinf(narrow) && !std::isinf(value.real))
    return input_error(fmt::format("param `{}` is f32, and {} is beyond its range", info.name, value.real));
  return runtime::ParamValue{.real = narrow};
}

Result<runtime::ParamValue> bind_param(const runtime::ParamInfo& info, const Captures& captures) {
  const auto it = captures.params().find(info.name);
  if (it != captures.params().end()) return info.type == f32 ? bind_float(info, it->second) : bind_integer(info, it->second);
  if (info.default_integer) return runtime::ParamValue{.integer = *info.default_integer};
  if (info.default_float) return runtime::ParamValue{.real = *info.default_float};
  return input_error(fmt::format("the variant's param `{}` ({}) has no default and is not given", info.name, name_of(info.type)));
}

bool has_capture(const runtime::Signature& signature, std::string_view name) {
  for (const runtime::CaptureInfo& info : signature.captures)
    if (info.name == name) return true;
  return false;
}

bool has_param(const runtime::Signature& signature, std::string_view name) {
  for (const runtime::ParamInfo& info : signature.params)
    if (info.name == name) return true;
  return false;
}

}  // namespace

Result<runtime::Environment> bind(const runtime::Signature& signature, const Captures& captures, const runtime::Problem& problem, MemoryKind memory) {
  for (const auto& [name, tensor] : captures.tensors())
    if (!has_capture(signature, name)) return input_error(unknown_name(signature, name, false));
  for (const auto& [name, value] : captures.params())
    if (!has_param(signature, name)) return input_error(unknown_name(signature, name, true));
  runtime::Environment environment;
  environment.problem = problem;
  for (const runtime::CaptureInfo& info : signature.captures) {
    auto tensor = bind_capture(info, captures, memory);
    if (!tensor) return std::unexpected(tensor.error());
    environment.captures.push_back(std::move(*tensor));
  }
  for (const runtime::ParamInfo& info : signature.params) {
    const auto value = bind_param(info, captures);
    if (!value) return std::unexpected(value.error());
    environment.params.push_back(*value);
  }
  return environment;
}

}  // namespace flexc
