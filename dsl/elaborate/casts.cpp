// Conversions between the types of numbers, and what names a type: `.to(int32)`, `float(x)`.
#include <cctype>
#include <cstdlib>

#include <fmt/format.h>

#include "dsl/elaborate/elaborator.h"
#include "dsl/elaborate/python_arithmetic.h"

namespace flexc::dsl {

std::optional<CastType> cast_type_named(std::string_view name) {
  if (name == "float32") return CastType::Float32;
  if (name == "int32") return CastType::Int32;
  if (name == "int64") return CastType::Int64;
  return std::nullopt;
}

std::optional<CastType> cast_type_of(const Value& value) {
  if (value.is<CastValue>()) return value.as<CastValue>().type;
  if (!value.is<BuiltinValue>() || value.as<BuiltinValue>().self) return std::nullopt;
  const std::string_view name = value.as<BuiltinValue>().name;
  if (name == "float") return CastType::Float32;
  if (name == "int") return CastType::Int32;
  if (name == "bool") return CastType::Bool;
  return std::nullopt;
}

Value Elaborator::cast(const Value& operand, CastType type, Span span) {
  if (operand.poisoned()) return poison();
  if (operand.is_constant_number()) {
    switch (type) {
      case CastType::Float32: return Value{as_double(operand)};
      case CastType::Bool: return Value{operand.is<double>() ? operand.as<double>() != 0 : as_integer(operand) != 0};
      case CastType::Int64:
      case CastType::Int32: {
        mpz_class integer = operand.is<double>() ? truncate_to_integer(operand.as<double>()) : as_integer(operand);
        if (type == CastType::Int64) return Value{integer};
        mpz_class low;
        mpz_fdiv_r_2exp(low.get_mpz_t(), integer.get_mpz_t(), 32);
        if (mpz_tstbit(low.get_mpz_t(), 31)) low -= mpz_class(1) << 32;
        return Value{low};
      }
    }
  }
  const Value value = materialise(operand, span);
  const auto scalar = number_type(value, "a conversion", span);
  if (!scalar) return poison();
  NodeId id = value.as<NodeValue>().id;
  switch (type) {
    case CastType::Float32: return Value{NodeValue{builder_.promote(id, Scalar::F32, span)}};
    case CastType::Bool:
      if (*scalar == Scalar::Bool) return value;
      return compare(CompareOp::Ne, value, Value{mpz_class(0)}, span);
    case CastType::Int64:
    case CastType::Int32: {
      Value integer = *scalar == Scalar::F32 ? elementwise(Op::FloatToInt, Scalar::I64, {id}, span) : Value{NodeValue{builder_.promote(id, Scalar::I64, span)}};
      if (type == CastType::Int64) return integer;
      return elementwise(Op::WrapI32, Scalar::I64, {integer.as<NodeValue>().id}, span);
    }
  }
  return poison();
}

Value Elaborator::cast_float_literal(const std::string& text, Span span) {
  std::string trimmed;
  for (char c : text)
    if (!std::isspace(static_cast<unsigned char>(c))) trimmed += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  char* end = nullptr;
  const double value = std::strtod(trimmed.c_str(), &end);
  if (!trimmed.empty() && *end == '\0' && trimmed.find('x') == std::string::npos) return Value{value};
  report(codes::type_mismatch, span, fmt::format("float(\"{}\") is no number; \"inf\", \"-inf\" and \"nan\" are", text.substr(0, 40)));
  return poison();
}

}  // namespace flexc::dsl
