/* snippet.cpp, from C: the same call over flexc_c.h. */
#include <flexc/flexc_c.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { B = 4, H = 32, N = 40, D = 128, ROWS = B * H * N };

static int report(flexc_error* error) {
  puts(flexc_error_message(error));
  flexc_error_destroy(error);
  return 1;
}

int main(void) {
  const char* const text = "tensor slopes: f32[H]\n"
                           "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + slopes[h] * (kv_idx - q_idx)\n"
                           "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n";
  static const float slopes[H];
  static float sums[ROWS];
  static uint16_t ones[ROWS * D], result[ROWS * D];
  const uint16_t one = 0x3f80; /* 1 as bfloat16 */
  for (int i = 0; i < ROWS * D; ++i) ones[i] = one;
  const int64_t shape[] = {B, H, N, D}, heads[] = {H};
  const flexc_tensor input = {ones, FLEXC_BF16, 4, shape, NULL};

  flexc_error* error = NULL;
  flexc_engine* const engine = flexc_engine_create(NULL, &error);
  if (engine == NULL) return report(error);
  flexc_variant* const variant = flexc_variant_parse(text, "alibi.flex", &error);
  if (variant == NULL) return report(error);
  const flexc_compile_options options = {.dtype = FLEXC_BF16, .device = FLEXC_CPU, .head_dim = D};
  flexc_kernel* const kernel = flexc_compile(engine, variant, &options, &error);
  if (kernel == NULL) return report(error);
  const flexc_binding bindings[] = {{.name = "slopes", .tensor = {slopes, FLEXC_F32, 1, heads, NULL}}};
  const flexc_mask_shape mask_shape = {.batch = B, .heads = H, .q_len = N, .kv_len = N};
  flexc_mask* const mask = flexc_kernel_block_mask(kernel, &mask_shape, bindings, 1, &error);
  if (mask == NULL) return report(error);
  const flexc_call call = {.q = input, .k = input, .v = input, .out = {result, FLEXC_BF16, 4, shape, NULL}, .lse = {sums, FLEXC_F32, 3, shape, NULL},
                           .bindings = bindings, .binding_count = 1, .mask = mask};
  if (!flexc_run(kernel, &call, &error)) return report(error);

  int wrong = 0;
  for (int row = 0; row < ROWS; ++row)
    if (fabs(sums[row] - (sqrt((double)D) + log((double)(row % N + 1)))) > 1e-4 || result[row * D] != one) ++wrong;
  flexc_mask_destroy(mask);
  flexc_kernel_destroy(kernel);
  flexc_variant_destroy(variant);
  flexc_engine_destroy(engine);
  return wrong != 0;
}
