#include "tools/flexc/inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "flexc/environment.h"
#include "flexc/random.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/output.h"

namespace flexc::cli {
namespace {

void check_float(const std::string& what, const std::string& path, const Tensor& tensor) {
  const DType dtype = tensor.view().dtype;
  if (!is_float(dtype)) input_error(fmt::format("{} {}: the tensor is {}; q, k and v must be f32, f16, bf16 or f64", what, path, name_of(dtype)));
  if (tensor.view().rank() != 4)
    input_error(fmt::format("{} {}: the tensor has shape {}; it must have four dimensions, [batch, heads, length, head dim]", what, path, shape_text(tensor.view().shape)));
}

/// Bytes of a tensor; a Failure where they do not fit into this machine.
void check_memory(const std::vector<std::vector<std::int64_t>>& shapes, DType dtype) {
  std::int64_t total = 0;
  bool too_large = false;
  for (const std::vector<std::int64_t>& shape : shapes) {
    auto bytes = static_cast<std::int64_t>(size_of(dtype));
    for (const std::int64_t extent : shape) too_large |= __builtin_mul_overflow(bytes, extent, &bytes);
    too_large |= __builtin_add_overflow(total, bytes, &total);
  }
  const std::uint64_t memory = probe_cpu().memory_bytes;
  if (too_large || (memory && static_cast<std::uint64_t>(total) > memory))
    throw Failure(ErrorKind::Environment, fmt::format("--random: q, k and v need {}, and this machine has {}", too_large ? "more than 8 EiB" : byte_text(static_cast<std::uint64_t>(total)), byte_text(memory)));
}

/// The element type and dims of a capture as a declaration: "i32[KV]".
std::string declaration(const Variant::Capture& capture) { return fmt::format("{}[{}]", name_of(capture.dtype), fmt::join(capture.dims, ", ")); }

/// A value for an undeclared capture without indices.
Tensor scalar_tensor(const Captures::Scalar& value) {
  Tensor tensor(value.is_real ? f32 : i64, {});
  if (value.is_real) *tensor.as<float>() = static_cast<float>(value.real);
  else *tensor.as<std::int64_t>() = value.integer;
  return tensor;
}

[[noreturn]] void missing_capture(const LoadedVariant& variant, const Variant::Capture& capture) {
  input_error(fmt::format("{}: capture '{}' ({}) is not given; use --capture {}=FILE", variant.name, capture.name, declaration(capture), capture.name));
}

}  // namespace

Tensor load(const std::string& what, const std::string& path) {
  auto loaded = load_tensor(path);
  if (!loaded) throw Failure(loaded.error().kind, fmt::format("{}: {}", what, loaded.error().message));
  for (const std::string& warning : loaded->warnings) print_warning(warning);
  return std::move(loaded->tensor);
}

Tensor converted(const Tensor& tensor, DType dtype) {
  const TensorView& from = tensor.view();
  if (from.dtype == dtype) return tensor;
  Tensor result(dtype, from.shape);
  const std::int64_t count = from.element_count();
  if (dtype == f32) {
    for (std::int64_t i = 0; i < count; ++i) result.as<float>()[i] = round_to(f32, load_as_double(from, i));
    return result;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const float value = round_to(dtype, load_as_double(from, i));
    result.as<std::uint16_t>()[i] = dtype == f16 ? float_to_f16(value) : float_to_bf16(value);
  }
  return result;
}

AttentionInputs load_attention(const std::string& q, const std::string& k, const std::string& v, std::optional<DType> dtype) {
  AttentionInputs inputs{load("--q", q), load("--k", k), load("--v", v), f32};
  check_float("--q", q, inputs.q);
  check_float("--k", k, inputs.k);
  check_float("--v", v, inputs.v);
  const DType types[] = {inputs.q.view().dtype, inputs.k.view().dtype, inputs.v.view().dtype};
  if (!dtype && (types[0] != types[1] || types[0] != types[2]))
    input_error(fmt::format("q, k and v are {}, {} and {}; give --dtype to bring them to one type", name_of(types[0]), name_of(types[1]), name_of(types[2])));
  if (!dtype && types[0] == f64) input_error("q, k and v are f64; give --dtype f32, f16 or bf16 to round them");
  inputs.dtype = dtype.value_or(types[0]);
  inputs.q = converted(inputs.q, inputs.dtype);
  inputs.k = converted(inputs.k, inputs.dtype);
  inputs.v = converted(inputs.v, inputs.dtype);
  return inputs;
}

AttentionInputs random_attention(const std::vector<std::int64_t>& extents, std::uint64_t seed, DType dtype) {
  const std::int64_t b = extents[0], h = extents[1], hkv = extents[2], q = extents[3], kv = extents[4], d = extents[5], dv = extents[6];
  const std::vector<std::int64_t> q_shape{b, h, q, d}, k_shape{b, hkv, kv, d}, v_shape{b, hkv, kv, dv};
  check_memory({q_shape, k_shape, v_shape}, dtype);
  AttentionInputs inputs{Tensor(dtype, q_shape), Tensor(dtype, k_shape), Tensor(dtype, v_shape), dtype};
  fill_normal(inputs.q.view(), seed, "q");
  fill_normal(inputs.k.view(), seed, "k");
  fill_normal(inputs.v.view(), seed, "v");
  return inputs;
}

Tensor load_sink(const std::string& path, bool may_round) {
  const Tensor tensor = load("--sink", path);
  const DType dtype = tensor.view().dtype;
  if (!is_float(dtype)) input_error(fmt::format("--sink {}: the tensor is {}; it must be f32", path, name_of(dtype)));
  if (dtype == f64 && !may_round) input_error(fmt::format("--sink {}: the tensor is f64; give --dtype to have it rounded", path));
  return converted(tensor, f32);
}

BoundCaptures bind_captures(const LoadedVariant& variant, const BindingOptions& bindings, const GalleryProblem* problem, std::uint64_t seed) {
  BoundCaptures bound;
  for (const Variant::Capture& capture : variant.variant.captures()) {
    const auto file = bindings.captures.find(capture.name);
    const auto scalar = bindings.params.find(capture.name);
    Tensor tensor;
    if (file != bindings.captures.end()) {
      tensor = load("--capture " + capture.name, file->second);
      const DType dtype = tensor.view().dtype;
      if (capture.declared && dtype != capture.dtype)
        input_error(fmt::format("--capture {}: the tensor is {}, and the variant declares '{}' as {}", capture.name, name_of(dtype), capture.name, declaration(capture)));
      if (dtype == f64) input_error(fmt::format("--capture {}: the tensor is f64, which no capture can be; store it as f32", capture.name));
    } else if (scalar != bindings.params.end()) {
      tensor = scalar_tensor(scalar->second);
    } else {
      std::optional<Tensor> made;
      if (problem && variant.entry) made = make_capture(variant.entry->name, capture.name, capture.dims, *problem, seed);
      // Nothing bound to an undeclared capture: the compiler says so, with the place in the text.
      if (!made && (!capture.used || !capture.declared)) continue;
      if (!made) missing_capture(variant, capture);
      tensor = std::move(*made);
    }
    bound.tensors.push_back(tensor);
    bound.captures.set(capture.name, tensor.view());
    if (!capture.declared) bound.types[capture.name] = {tensor.view().dtype, static_cast<int>(tensor.view().rank())};
  }
  for (const Variant::Param& param : variant.variant.params()) {
    const auto value = bindings.params.find(param.name);
    if (value == bindings.params.end()) continue;
    if (value->second.is_real) bound.captures.set_param(param.name, value->second.real);
    else bound.captures.set_param(param.name, value->second.integer);
  }
  return bound;
}

}  // namespace flexc::cli
