// The kernel that a GPU would run, compiled for the host model.
#pragma once

#include <catch2/catch.hpp>

#include "compiler/host/cuda_compile.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/variant_impl.h"

namespace flexc::test {

/// Of the narrow member, whose machine code has the same tile.
inline std::shared_ptr<const LoadedObject> model_of(const char* text, std::int64_t head_dim = 64, std::int64_t value_dim = 64) {
  const auto impl = VariantAccess::share(*Variant::parse(text));
  REQUIRE(impl->form.has_value());
  const auto functions = ir_functions();
  REQUIRE(functions.has_value());
  compiler::CudaHookOptions narrow;
  narrow.member = compiler::Member::Narrow;
  const auto kernels = (*functions)->emit_cuda_kernels(*impl->form, narrow, bf16, static_cast<unsigned>(head_dim), static_cast<unsigned>(value_dim));
  REQUIRE(kernels.has_value());
  const auto compiled = compile_cuda_kernel(*impl->form, {.dtype = bf16, .head_dim = head_dim, .value_dim = value_dim, .member = compiler::Member::Narrow});
  REQUIRE(compiled.has_value());
  REQUIRE(compiled->member.tile == kernels->sources.front().member.tile);
  const auto object = compile_for_model(kernels->sources.front());
  REQUIRE(object.has_value());
  return *object;
}

}  // namespace flexc::test
