// Prints the products of a tile: print_products bf16|f16 M N D DV.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "compiler/emit/cuda/gemm_source.h"

int main(int count, char** arguments) {
  if (count != 6) return std::fputs("usage: print_products bf16|f16 M N D DV\n", stderr), 2;
  flexc::compiler::cuda::GemmShape shape;
  shape.element = std::string_view(arguments[1]) == "bf16" ? flexc::device::Element::kBf16 : flexc::device::Element::kF16;
  unsigned* const sizes[] = {&shape.m, &shape.n, &shape.d, &shape.dv};
  for (int i = 0; i < 4; ++i) *sizes[i] = static_cast<unsigned>(std::atoi(arguments[i + 2]));
  std::fputs(flexc::compiler::cuda::gemm_source(shape).c_str(), stdout);
}
