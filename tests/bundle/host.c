/* The same from C, over the C ABI of libflexc_runtime alone: bundle_host_c BUNDLE, which has `causal` for f32 with head dim 64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flexc/flexc_c.h"

enum { kLength = 4, kDim = 64 };

static void must(int holds, const char* what, flexc_error* error) {
  if (holds) return;
  fprintf(stderr, "bundle_host_c: %s%s%s\n", what, error != NULL ? ": " : "", flexc_error_message(error));
  exit(1);
}

/* An error of this kind that says this. */
static void must_fail(const void* made, flexc_error* error, flexc_error_kind kind, const char* words) {
  must(made == NULL && error != NULL && flexc_error_get_kind(error) == kind && strstr(flexc_error_message(error), words) != NULL, words, error);
  flexc_error_destroy(error);
}

int main(int argc, char** argv) {
  flexc_error* error = NULL;
  must(argc == 2, "usage: bundle_host_c BUNDLE", NULL);
  flexc_engine* engine = flexc_engine_create(NULL, &error);
  must(engine != NULL, "an engine", error);
  flexc_bundle* bundle = flexc_engine_load_bundle(engine, argv[1], &error);
  must(bundle != NULL, "the bundle", error);

  int found = 0;
  for (size_t i = 0; i < flexc_bundle_variant_count(bundle); ++i) found |= strcmp(flexc_bundle_variant_name(bundle, i), "causal") == 0;
  must(found, "a variant called causal", NULL);
  must(flexc_bundle_variant_name(bundle, flexc_bundle_variant_count(bundle)) == NULL, "no name beyond the last", NULL);

  flexc_kernel* missing = flexc_bundle_kernel(bundle, "cuasal", NULL, &error);
  must_fail(missing, error, FLEXC_ERROR_INPUT, "did you mean 'causal'?");
  missing = flexc_bundle_kernel(bundle, NULL, NULL, &error);
  must_fail(missing, error, FLEXC_ERROR_USAGE, "null");
  missing = flexc_bundle_kernel(bundle, "causal", &(flexc_compile_options){.dtype = FLEXC_F32, .head_dim = 80}, &error);
  must_fail(missing, error, FLEXC_ERROR_INPUT, "not for 80");
  flexc_bundle* refused = flexc_engine_load_bundle(engine, "/nowhere/at.flexb", &error);
  must_fail(refused, error, FLEXC_ERROR_INPUT, "No such file");
  refused = flexc_engine_load_bundle_memory(engine, "flexcBDL and nothing else", 25, &error);
  must_fail(refused, error, FLEXC_ERROR_INPUT, "cut off");

  flexc_kernel* kernel = flexc_bundle_kernel(bundle, "causal", &(flexc_compile_options){.dtype = FLEXC_F32, .device = FLEXC_CPU, .head_dim = kDim}, &error);
  must(kernel != NULL, "the kernel", error);
  must(flexc_kernel_device(kernel) == FLEXC_CPU, "it runs on the CPU", NULL);
  flexc_bundle_destroy(bundle);
  flexc_engine_destroy(engine);

  static float q[kLength][kDim], k[kLength][kDim], v[kLength][kDim], out[kLength][kDim];
  for (int i = 0; i < kLength; ++i)
    for (int d = 0; d < kDim; ++d) q[i][d] = 0, k[i][d] = 1, v[i][d] = (float)(i + d);
  const int64_t shape[] = {1, 1, kLength, kDim};
  const flexc_call call = {.q = {q, FLEXC_F32, 4, shape, NULL}, .k = {k, FLEXC_F32, 4, shape, NULL}, .v = {v, FLEXC_F32, 4, shape, NULL}, .out = {out, FLEXC_F32, 4, shape, NULL}};
  must(flexc_run(kernel, &call, &error), "the call", error);
  /* Equal scores: row i is the mean of rows 0 to i. */
  for (int i = 0; i < kLength; ++i)
    for (int d = 0; d < kDim; ++d) must(fabsf(out[i][d] - ((float)i / 2 + (float)d)) <= 1e-4f, "the mean of the rows so far", NULL);
  flexc_mask* mask = flexc_kernel_block_mask(kernel, &(flexc_mask_shape){.q_len = 512, .kv_len = 512}, NULL, 0, &error);
  must(mask != NULL, "a block mask", error);
  flexc_mask_destroy(mask);
  flexc_kernel_destroy(kernel);
  puts("bundle_host_c: ok");
  return 0;
}
