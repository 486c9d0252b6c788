// The shortest useful host, line by line as the design gives it: ALiBi in bfloat16, with a block mask and lse.
#include <flexc/flexc.h>

#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  constexpr std::int64_t B = 4, H = 32, n = 40, D = 128;
  const std::string_view text = "tensor slopes: f32[H]\n"
                                "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + slopes[h] * (kv_idx - q_idx)\n"
                                "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n";
  const char* const folder = std::getenv("FLEXC_CACHE_DIR");
  std::vector<float> slopes(H, 0.0f);
  std::vector<std::uint16_t> ones(B * H * n * D, flexc::float_to_bf16(1.0f)), result(ones.size());
  std::vector<float> sums(B * H * n);
  const flexc::TensorView q(ones.data(), flexc::bf16, {B, H, n, D}), k = q, v = q, o(result.data(), flexc::bf16, {B, H, n, D}), l(sums.data(), flexc::f32, {B, H, n});
  void* const stream = nullptr;

  flexc::Engine engine({.cache_dir = folder ? folder : ""});
  auto variant = flexc::Variant::parse(text);
  if (!variant) return std::puts(variant.error().render().c_str()), 1;
  auto kernel = engine.compile(*variant, {.dtype = flexc::bf16, .head_dim = 128, .device = flexc::Device::cpu()});
  if (!kernel) return std::puts(kernel.error().error.message.c_str()), 1;
  flexc::Captures captures;
  captures.set("slopes", flexc::TensorView(slopes.data(), flexc::f32, {H}));
  auto mask = (*kernel)->block_mask({.batch = 4, .heads = 32, .q_len = n, .kv_len = n}, captures);
  if (!mask) return std::puts(mask.error().message.c_str()), 1;
  auto status = (*kernel)->run({.q = q, .k = k, .v = v, .out = o, .lse = l, .captures = captures, .mask = &*mask}, stream);
  if (!status) return std::puts(status.error().message.c_str()), 1;

  // All scores are sqrt(D): row i spreads its weight evenly over i + 1 values of 1, and its lse is sqrt(D) + ln(i + 1).
  for (std::int64_t row = 0; row < B * H * n; ++row) {
    const double expected = std::sqrt(static_cast<double>(D)) + std::log(static_cast<double>(row % n + 1));
    if (std::fabs(sums[static_cast<std::size_t>(row)] - expected) > 1e-4 || result[static_cast<std::size_t>(row * D)] != flexc::float_to_bf16(1.0f))
      return std::printf("row %lld: lse %f, expected %f\n", static_cast<long long>(row), sums[static_cast<std::size_t>(row)], expected), 1;
  }
  return 0;
}
