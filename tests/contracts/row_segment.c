/* The row-segment ABI used as a compiled variant would use it, in C: ALiBi on a causal window with a run-time width, written by hand,
 * called on segments with a base and a step. Also the magic divisor as it is documented. */
#include "templates/cpu/row_segment.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { kSlopes = 0, kWindow = 0, kHeads = 4, kColumns = 70 };
static const float kLog2e = 1.44269504088896340736f;

static int failures = 0;
static void check(int condition, const char* what, long long at) {
  if (!condition) {
    ++failures;
    fprintf(stderr, "row_segment: %s at %lld\n", what, at);
  }
}

/* head level: slot 0 = slopes[h], with the gather total as the language has it. */
static void head_level(const flexc_row_launch* launch, int64_t b, int64_t h, void* out) {
  const flexc_row_capture* slopes = &launch->captures[kSlopes];
  const int64_t n = slopes->sizes[0];
  const int64_t i = h < 0 ? h + n : h;
  const float value = i >= 0 && i < n ? ((const float*)slopes->data)[i * slopes->strides[0]] : 0.0f;
  (void)b;
  memset(out, 0, 8);
  memcpy(out, &value, sizeof value);
}

static float slope_of(const flexc_row_levels* levels) {
  float slope;
  memcpy(&slope, levels->head, sizeof slope);
  return slope;
}

static void score_row(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment, float* s) {
  const float slope = slope_of(levels);
  int64_t i;
  (void)launch;
  for (i = 0; i < segment->count; ++i) s[i] = (s[i] + slope * (float)(segment->kv_base + segment->kv_step * i - segment->q)) * kLog2e;
}

static void affine_row(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment, flexc_row_affine* out) {
  const float slope = slope_of(levels) * kLog2e;
  out->factor = launch->scale_log2e;
  out->row = slope * (float)(segment->kv_base - segment->q);
  out->slope = slope * (float)segment->kv_step;
}

static void mask_row(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment, uint64_t* keep) {
  int64_t i;
  (void)levels;
  memset(keep, 0, (size_t)((segment->count + 63) / 64) * sizeof *keep);
  for (i = 0; i < segment->count; ++i) {
    const int64_t distance = segment->q - (segment->kv_base + segment->kv_step * i);
    if (distance >= 0 && distance <= launch->params[kWindow].integer) keep[i / 64] |= (uint64_t)1 << (i % 64);
  }
}

/* The same as a band: q - window <= kv <= q, which serves without mask_row. */
static void band_row(const flexc_row_launch* launch, const void* head, const void* q_side, int64_t b, int64_t h, int64_t q, flexc_row_band* out) {
  (void)head, (void)q_side, (void)b, (void)h;
  out->lo0 = q - launch->params[kWindow].integer;
  out->hi0 = q + 1;
  out->lo1 = out->hi1 = 0;
}

/* The upper half of the 128-bit product, from 32-bit pieces: C11 has no 128-bit integer. */
static uint64_t mulhi(uint64_t a, uint64_t b) {
  const uint64_t low = 0xffffffffu;
  const uint64_t t = (a & low) * (b & low) >> 32, u = (a >> 32) * (b & low) + t, v = (a & low) * (b >> 32) + (u & low);
  return (a >> 32) * (b >> 32) + (u >> 32) + (v >> 32);
}

static flexc_row_divisor magic_of(int64_t divisor) {
  flexc_row_divisor magic = {0, 0, 0, 0};
  const uint64_t d = divisor < 0 ? (uint64_t)0 - (uint64_t)divisor : (uint64_t)divisor;
  uint64_t high, quotient = 0;
  int l = 0, bit;
  magic.divisor = divisor;
  if (d == 0) return magic;
  while (l < 63 && (uint64_t)1 << l < d) ++l; /* d is at most 2^63 */
  /* floor(2^64 * (2^l - d) / d) by long division; 2^l - d < d, so the quotient has 64 bits. */
  high = ((uint64_t)1 << l) - d;
  for (bit = 0; bit < 64; ++bit) {
    const uint64_t carry = high >> 63;
    high <<= 1;
    quotient <<= 1;
    if (carry || high >= d) {
      high -= d;
      quotient |= 1;
    }
  }
  magic.multiplier = quotient + 1;
  magic.shift1 = l < 1 ? l : 1;
  magic.shift2 = l > 1 ? l - 1 : 0;
  return magic;
}

static uint64_t divide_unsigned(uint64_t n, const flexc_row_divisor* magic) {
  const uint64_t t = mulhi(n, magic->multiplier);
  return (t + ((n - t) >> magic->shift1)) >> magic->shift2;
}

/* n >= 0, d > 0: what unsigned division gives; n < 0: ~(~n / d), which is the floor. */
static int64_t floor_divide_positive(int64_t n, const flexc_row_divisor* magic) {
  if (n >= 0) return (int64_t)divide_unsigned((uint64_t)n, magic);
  return (int64_t)~divide_unsigned(~(uint64_t)n, magic);
}

static void test_divisors(void) {
  static const int64_t divisors[] = {1, 2, 3, 5, 7, 10, 64, 127, 128, 641, 1000003, (int64_t)1 << 31, ((int64_t)1 << 32) - 1, INT64_MAX / 3, INT64_MAX};
  static const int64_t values[] = {0, 1, 2, 6, 63, 64, 65, 127, 999, INT32_MAX, (int64_t)1 << 40, INT64_MAX / 2, INT64_MAX - 1, INT64_MAX};
  size_t i, j;
  for (i = 0; i < sizeof divisors / sizeof *divisors; ++i) {
    const flexc_row_divisor magic = magic_of(divisors[i]);
    for (j = 0; j < sizeof values / sizeof *values; ++j) {
      const int64_t n = values[j], negative = -n - 1;
      check(floor_divide_positive(n, &magic) == n / divisors[i], "quotient by the magic divisor", divisors[i]);
      check(floor_divide_positive(negative, &magic) == -(n / divisors[i]) - 1, "quotient of a negative number", divisors[i]);
    }
  }
}

static void test_module(const flexc_row_module* module) {
  static const float slopes_data[2 * kHeads] = {0.5f, 9, 0.25f, 9, 0.125f, 9, 0.0625f, 9};
  static const int64_t sizes[1] = {kHeads}, strides[1] = {2};
  const flexc_row_capture captures[1] = {{slopes_data, sizes, strides}};
  flexc_row_param params[1] = {{20, 0.0f, 0, {0, 0, 0, 0}}};
  const float scale = 0.125f;
  const flexc_row_launch launch = {{1, kHeads, kHeads, 100, 100}, captures, params, NULL, NULL, scale * kLog2e, scale};
  const int64_t steps[3] = {1, 2, -1};
  size_t step;
  check(module->abi_version == FLEXC_ROW_ABI_VERSION, "ABI version", module->abi_version);
  for (step = 0; step < 3; ++step) {
    const flexc_row_segment segment = {0, 2, 50, 30, steps[step], kColumns};
    uint64_t head[1], keep[2] = {~(uint64_t)0, ~(uint64_t)0};
    float s[kColumns], products[kColumns];
    flexc_row_band band;
    flexc_row_levels levels = {head, NULL, NULL, 0};
    flexc_row_affine affine;
    int64_t i;
    module->head_level(&launch, segment.b, segment.h, head);
    for (i = 0; i < kColumns; ++i) {
      products[i] = (float)(i * 7 % 11) - 5.0f;
      s[i] = scale * products[i];
    }
    module->score_row(&launch, &levels, &segment, s);
    module->affine_row(&launch, &levels, &segment, &affine);
    module->mask_row(&launch, &levels, &segment, keep);
    module->band_row(&launch, levels.head, levels.q_side, segment.b, segment.h, segment.q, &band);
    for (i = 0; i < kColumns; ++i) {
      const int64_t kv = segment.kv_base + segment.kv_step * i;
      const double expected = (0.125 * products[i] + 0.125 * (double)(kv - segment.q)) * 1.44269504088896340736;
      const int kept = segment.q >= kv && segment.q - kv <= 20;
      check(fabs(s[i] - expected) < 1e-4, "general score", i);
      check(fabs(products[i] * affine.factor + affine.row + affine.slope * (float)i - expected) < 1e-4, "affine score", i);
      check((int)(keep[i / 64] >> (i % 64) & 1) == kept, "keep bit", i);
      check(((band.lo0 <= kv && kv < band.hi0) || (band.lo1 <= kv && kv < band.hi1)) == kept, "band", i);
    }
    check(keep[1] >> (kColumns - 64) == 0, "bits beyond the count", kColumns);
  }
}

int main(void) {
  const flexc_row_module module = {FLEXC_ROW_ABI_VERSION, FLEXC_SCORE_GENERAL, 0, 1, 0, 0, NULL, head_level, NULL, NULL, score_row, affine_row, band_row, mask_row, NULL, NULL};
  test_divisors();
  test_module(&module);
  printf("row_segment: %d failures\n", failures);
  return failures != 0;
}
