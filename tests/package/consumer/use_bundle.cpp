// A host that ships a bundle: flexc::runtime and the header that `flexc compile` wrote, no compiler.
#include <flexc/engine.h>

#include <cstdio>
#include <vector>

#include "packaged.h"

int main(int argc, char** argv) {
  if (argc != 2) return std::puts("usage: use_bundle BUNDLE"), 1;
  flexc::Engine engine;
  const auto bundle = engine.load_bundle(argv[1]);
  if (!bundle) return std::puts(bundle.error().message.c_str()), 1;
  const auto kernel = bundle->kernel(PACKAGED_ALIBI, {.dtype = flexc::f32, .head_dim = 4});
  if (!kernel) return std::puts(kernel.error().message.c_str()), 1;
  const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8}, slopes{0};
  std::vector<float> result(8);
  flexc::Captures captures;
  captures.set(PACKAGED_ALIBI_CAPTURE_SLOPES, flexc::TensorView(slopes.data(), flexc::f32, {1}));
  const flexc::TensorView input(values.data(), flexc::f32, {1, 1, 2, 4});
  const auto status = (*kernel)->run({.q = input, .k = input, .v = input, .out = flexc::TensorView(result.data(), flexc::f32, {1, 1, 2, 4}), .captures = captures});
  if (!status) return std::puts(status.error().message.c_str()), 1;
  return result[0] > 4.9f && result[4] > 4.9f ? 0 : 1;  // both rows see mostly the second
}
