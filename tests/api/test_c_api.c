/* The C ABI from C: the whole life of a call, and what C callers get wrong. Prints what failed; exit status 1 then. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flexc/flexc_c.h"

static int failures = 0;
#define CHECK(condition)                                                    \
  do {                                                                      \
    if (!(condition)) {                                                     \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
      ++failures;                                                           \
    }                                                                       \
  } while (0)

enum { kHeads = 2, kLength = 5, kDim = 4 };

/* softmax over kv <= q of slope * (kv - q) + q . k / sqrt(D), times v: in double, by the definition. */
static void reference(const float* q, const float* k, const float* v, const float* slopes, double* out) {
  for (int h = 0; h < kHeads; ++h)
    for (int i = 0; i < kLength; ++i) {
      double weights[kLength], sum = 0;
      for (int j = 0; j <= i; ++j) {
        double s = 0;
        for (int d = 0; d < kDim; ++d) s += (double)q[(h * kLength + i) * kDim + d] * k[(h * kLength + j) * kDim + d];
        weights[j] = exp(s / sqrt((double)kDim) + (double)slopes[h] * (j - i));
        sum += weights[j];
      }
      for (int d = 0; d < kDim; ++d) {
        double value = 0;
        for (int j = 0; j <= i; ++j) value += weights[j] / sum * v[(h * kLength + j) * kDim + d];
        out[(h * kLength + i) * kDim + d] = value;
      }
    }
}

static void whole_call(flexc_engine* engine, flexc_device device) {
  flexc_error* error = NULL;
  const char* const text = "tensor slopes: f32[H]\nparam reach: i32 = 100\n"
                           "def score_mod(s, b, h, q, k):\n    return s + slopes[h] * (k - q)\n"
                           "def mask_mod(b, h, q, k):\n    return (q >= k) & (q - k < reach)\n";
  flexc_variant* variant = flexc_variant_parse(text, "alibi.flex", &error);
  CHECK(variant != NULL && error == NULL);
  const flexc_compile_options options = {.dtype = FLEXC_F32, .device = device, .head_dim = kDim};
  flexc_kernel* kernel = flexc_compile(engine, variant, &options, &error);
  CHECK(kernel != NULL);
  if (kernel == NULL) return;
  CHECK(flexc_kernel_device(kernel) == device);
  flexc_variant_destroy(variant);

  const int64_t shape[] = {1, kHeads, kLength, kDim}, heads[] = {kHeads};
  float q[kHeads * kLength * kDim], k[kHeads * kLength * kDim], v[kHeads * kLength * kDim], out[kHeads * kLength * kDim];
  const float slopes[kHeads] = {0.5f, 0.25f};
  for (int i = 0; i < kHeads * kLength * kDim; ++i) q[i] = (float)sin(i), k[i] = (float)cos(3 * i), v[i] = (float)sin(7 * i + 1);
  const flexc_binding bindings[] = {{.name = "slopes", .tensor = {slopes, FLEXC_F32, 1, heads, NULL}}, {.name = "reach", .integer = 50}};
  const flexc_mask_shape mask_shape = {.heads = kHeads, .q_len = kLength, .kv_len = kLength};
  flexc_mask* mask = flexc_kernel_block_mask(kernel, &mask_shape, bindings, 2, &error);
  CHECK(mask != NULL);
  flexc_call call = {.q = {q, FLEXC_F32, 4, shape, NULL}, .k = {k, FLEXC_F32, 4, shape, NULL}, .v = {v, FLEXC_F32, 4, shape, NULL}, .out = {out, FLEXC_F32, 4, shape, NULL},
                     .bindings = bindings, .binding_count = 2, .mask = mask};
  CHECK(flexc_run(kernel, &call, &error) == 1 && error == NULL);
  double expected[kHeads * kLength * kDim];
  reference(q, k, v, slopes, expected);
  for (int i = 0; i < kHeads * kLength * kDim; ++i) CHECK(fabs(out[i] - expected[i]) <= 2e-5 + 1e-4 * fabs(expected[i]));

  /* Positions two apart: with half the slopes it is the same call, and a mask of neighbours is not its. */
  const float half_slopes[kHeads] = {0.25f, 0.125f};
  const flexc_binding halved[] = {{.name = "slopes", .tensor = {half_slopes, FLEXC_F32, 1, heads, NULL}}, {.name = "reach", .integer = 50}};
  const flexc_steps steps = {.q_step = 2, .kv_step = 2}, wrong_steps = {.q_step = -2}, no_steps = {0};
  call.bindings = halved;
  CHECK(flexc_run_stepped(kernel, &call, &steps, &error) == 0 && strstr(flexc_error_message(error), "steps") != NULL);
  flexc_error_destroy(error);
  flexc_mask* stepped_mask = flexc_kernel_block_mask_stepped(kernel, &mask_shape, &steps, halved, 2, &error);
  CHECK(stepped_mask != NULL);
  call.mask = stepped_mask;
  memset(out, 0, sizeof out);
  CHECK(flexc_run_stepped(kernel, &call, &steps, &error) == 1);
  for (int i = 0; i < kHeads * kLength * kDim; ++i) CHECK(fabs(out[i] - expected[i]) <= 2e-5 + 1e-4 * fabs(expected[i]));
  flexc_mask_destroy(stepped_mask);
  call.mask = NULL, call.bindings = bindings;
  CHECK(flexc_run_stepped(kernel, &call, &wrong_steps, &error) == 0 && strstr(flexc_error_message(error), "q_step is -2") != NULL);
  flexc_error_destroy(error);
  memset(out, 0, sizeof out);
  CHECK(flexc_run_stepped(kernel, &call, &no_steps, &error) == 1);
  for (int i = 0; i < kHeads * kLength * kDim; ++i) CHECK(fabs(out[i] - expected[i]) <= 2e-5 + 1e-4 * fabs(expected[i]));

  call.binding_count = 1;
  call.bindings = NULL;
  CHECK(flexc_run(kernel, &call, &error) == 0 && flexc_error_get_kind(error) == FLEXC_ERROR_USAGE);
  flexc_error_destroy(error);
  call.bindings = bindings;
  call.q.rank = 3;
  CHECK(flexc_run(kernel, &call, &error) == 0 && strlen(flexc_error_message(error)) > 0);
  flexc_error_destroy(error);
  CHECK(flexc_run(kernel, NULL, NULL) == 0);
  flexc_mask_destroy(mask);
  flexc_kernel_destroy(kernel);
}

int main(void) {
  flexc_error* error = NULL;
  flexc_engine* engine = flexc_engine_create(NULL, &error);
  CHECK(engine != NULL && strlen(flexc_version()) > 0);
  whole_call(engine, FLEXC_ORACLE);
  whole_call(engine, FLEXC_CPU);
  const flexc_statistics counts = flexc_engine_statistics(engine);
  CHECK(counts.kernels_made == 2 && counts.compilations + counts.disk_hits == 1);
  CHECK(flexc_engine_statistics(NULL).kernels_made == 0);

  CHECK(flexc_variant_parse("def score_mod(s, b, h, q, k):\n    return s + slope\n", "bad.flex", &error) == NULL);
  CHECK(flexc_error_get_kind(error) == FLEXC_ERROR_INPUT && strstr(flexc_error_message(error), "bad.flex:2:16: error:") != NULL);
  flexc_error_destroy(error);
  CHECK(flexc_variant_parse(NULL, NULL, NULL) == NULL);
  CHECK(flexc_compile(engine, NULL, NULL, &error) == NULL && flexc_error_get_kind(error) == FLEXC_ERROR_USAGE);
  flexc_error_destroy(error);
  flexc_variant* expressions = flexc_variant_from_expressions("score * 2", NULL, &error);
  CHECK(expressions != NULL);
  const flexc_compile_options options = {.dtype = FLEXC_I32, .head_dim = 8};
  CHECK(flexc_compile(engine, expressions, &options, &error) == NULL && flexc_error_get_kind(error) == FLEXC_ERROR_USAGE);
  flexc_error_destroy(error);
  flexc_variant_destroy(expressions);
  flexc_engine_destroy(engine);
  flexc_engine_destroy(NULL), flexc_variant_destroy(NULL), flexc_kernel_destroy(NULL), flexc_mask_destroy(NULL), flexc_error_destroy(NULL);
  printf("%d failures\n", failures);
  return failures != 0;
}
