// A host application: compiles a variant from text and runs it.
#include <flexc/flexc.h>

#include <cstdio>
#include <vector>

int main() {
  const auto variant = flexc::Variant::parse("def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n");
  if (!variant) return std::puts(variant.error().render().c_str()), 1;
  flexc::Engine engine;
  const auto kernel = engine.compile(*variant, {.dtype = flexc::f32, .head_dim = 4, .device = flexc::Device::oracle()});
  if (!kernel) return std::puts(kernel.error().error.message.c_str()), 1;
  const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> result(8);
  const flexc::TensorView input(values.data(), flexc::f32, {1, 1, 2, 4});
  const auto status = (*kernel)->run({.q = input, .k = input, .v = input, .out = flexc::TensorView(result.data(), flexc::f32, {1, 1, 2, 4})});
  if (!status) return std::puts(status.error().message.c_str()), 1;
  return result[0] == 1 && result[4] > 4.9f ? 0 : 1;  // row 0 sees itself alone; row 1 mostly itself
}
