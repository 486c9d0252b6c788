/* The CPU's row-segment ABI: how a tiled CPU kernel calls the compiled mods of a variant. C11 and C++.
 *
 * A segment is a run of neighbouring columns of one row of S: `count` pairs of one (b, h, q) with the kv positions
 * kv_base + kv_step * i. The kernel computes s = scale * (q . k) for a whole segment, calls `score_row` to rewrite it in place and
 * `mask_row` for the bits of what is kept: one call a segment at most, none a vector. `band_row` says once a row which positions can be kept at
 * all. It is the C form of the one mod interface in
 * docs/contracts.md; the CUDA form is templates/hooks.cuh.
 *
 * Everything here is plain data, and a module has no undefined symbols, so that the same bytes serve the JIT, the kernel cache and
 * bundles. Functions are pure: they write to their output only, keep no state, and may be called from many threads at once.
 */
#ifndef FLEXC_TEMPLATES_CPU_ROW_SEGMENT_H
#define FLEXC_TEMPLATES_CPU_ROW_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised by every change to what is below; a module of another version is not loaded. */
#define FLEXC_ROW_ABI_VERSION 3u

/* S segments and column tables are aligned to this, and padded to a multiple of it: a function may read and write whole vectors up
 * to the padded end, with any value in the padding. Tables of keep bits are padded to whole words. */
#define FLEXC_ROW_ALIGNMENT 64

/* The most captures, params and fresh dims that a module may have. */
#define FLEXC_ROW_MAX_CAPTURES 256
#define FLEXC_ROW_MAX_PARAMS 256

/* A captured tensor. `data` is null if the variant declares but never reads it. */
typedef struct flexc_row_capture {
  const void* data;
  const int64_t* sizes;   /* rank entries; what -n <= i < 0 wraps by, and what is out of range beyond */
  const int64_t* strides; /* rank entries, in elements; any sign, zero too */
} flexc_row_capture;

/* Floor division by a run-time integer d without a division instruction. With l = ceil(log2 |d|), for any unsigned n < 2^64:
 *   t = mulhi_unsigned(n, multiplier);  n / |d| = (t + ((n - t) >> min(l, 1))) >> max(l - 1, 0)
 * where multiplier = floor(2^64 * (2^l - |d|) / |d|) + 1 (Granlund and Montgomery, "Division by invariant integers using
 * multiplication", PLDI 1994). A signed n < 0 takes ~(~n / |d|), which rounds to minus infinity; d < 0 divides -n by -d, with
 * INT64_MIN held as the unsigned 2^63. The host fills it for each param that the variant divides by. d = 0: the result is 0. */
typedef struct flexc_row_divisor {
  int64_t divisor;
  uint64_t multiplier;
  int32_t shift1; /* min(l, 1) */
  int32_t shift2; /* max(l - 1, 0) */
} flexc_row_divisor;

/* A param's value: `integer` for i32, i64 and bool (0 or 1), `real` for f32. The other one is 0. */
typedef struct flexc_row_param {
  int64_t integer;
  float real;
  int32_t reserved; /* 0 */
  flexc_row_divisor magic;
} flexc_row_param;

/* The problem's symbols as the mods see them: q_total and kv_total are Q and KV. */
typedef struct flexc_row_problem {
  int64_t batch, heads, kv_heads, q_total, kv_total;
} flexc_row_problem;

/* All that is fixed for a launch. */
typedef struct flexc_row_launch {
  flexc_row_problem problem;
  const flexc_row_capture* captures; /* in the normal form's order */
  const flexc_row_param* params;     /* in the normal form's order */
  const int64_t* fresh_dims;         /* sizes of the fresh dims, in the normal form's order */
  const void* launch_values;         /* launch level, filled by `launch_level` */
  float scale_log2e;                 /* scale * log2(e): for affine scores, which start from the bare product q . k */
  float scale;                       /* scale: already in s when score_row is called */
} flexc_row_launch;

/* Values hoisted to a level: 8 bytes each (an i64, or an f32 in the low half of the little-endian word, or a bool as 0 or 1).
 * kv_side tables are [slot][padded count], so that a vector of columns is one load. */
typedef struct flexc_row_levels {
  const void* head;    /* of (b, h), or null if head_slots is 0 */
  const void* q_side;  /* of (b, h, q) */
  const void* kv_side; /* of (b, h, kv), column 0 = the segment's first */
  size_t kv_stride;    /* entries from one slot of kv_side to the next */
} flexc_row_levels;

/* Where a segment lies. Positions are global, after address and position maps. */
typedef struct flexc_row_segment {
  int64_t b, h; /* h is the query head */
  int64_t q;
  int64_t kv_base, kv_step; /* the i-th column is at kv_base + kv_step * i */
  int64_t count;            /* >= 1 */
} flexc_row_segment;

/* What a score_mod does to s; how much of it a kernel must call.
 *   identity  nothing: score_row is null, logit2 = acc * scale_log2e
 *   affine    logit2 = acc * factor + row + slope * column: `affine_row` gives the three; where one of them, or slope * column, is
 *             not finite, the kernel calls score_row (if any) for that row: inf - inf would be NaN where the mod's own arithmetic is not
 *   general   anything else: score_row */
typedef enum flexc_score_class { FLEXC_SCORE_IDENTITY = 0, FLEXC_SCORE_AFFINE = 1, FLEXC_SCORE_GENERAL = 2 } flexc_score_class;

/* logit2 of column i of the segment is acc * factor + row + slope * i. Row-constant terms are never dropped: the kernel folds `row`
 * into the row's maximum. */
typedef struct flexc_row_affine {
  float factor;
  float row;
  float slope;
} flexc_row_affine;

/* Positions that a row may attend to: lo0 <= kv < hi0 or lo1 <= kv < hi1. Any two intervals: one with hi <= lo is empty, they may overlap,
 * and neither need be the first; who uses them puts them in order. No position is INT64_MAX, so hi = INT64_MAX is no limit. */
typedef struct flexc_row_band {
  int64_t lo0, hi0;
  int64_t lo1, hi1;
} flexc_row_band;

/* Fills the values of a level. `out` has the level's slots, 8 bytes each. */
typedef void (*flexc_launch_level_fn)(const flexc_row_launch* launch, void* out);
typedef void (*flexc_head_level_fn)(const flexc_row_launch* launch, int64_t b, int64_t h, void* out);
typedef void (*flexc_q_side_fn)(const flexc_row_launch* launch, const void* head, int64_t b, int64_t h, int64_t q, void* out);
/* One table for many rows: columns kv_base + kv_step * i, `out` is [slot][stride]. */
typedef void (*flexc_kv_side_fn)(const flexc_row_launch* launch, const void* head, int64_t b, int64_t h, int64_t kv_base, int64_t kv_step,
                                 int64_t count, void* out, size_t stride);

/* General scores. In: s[i] = scale * (q . k) of column i, natural units. Out: s[i] = score_mod(s[i]) * log2(e), the log2-domain
 * logit (logit2). Every column is rewritten, kept or not; a removed column may hold anything, NaN too. */
typedef void (*flexc_score_row_fn)(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment, float* s);

/* Affine scores: the row's three numbers. */
typedef void (*flexc_affine_row_fn)(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment,
                                    flexc_row_affine* out);

/* The band of a row. `head` and `q_side` are those of flexc_row_levels. */
typedef void (*flexc_band_row_fn)(const flexc_row_launch* launch, const void* head, const void* q_side, int64_t b, int64_t h, int64_t q,
                                  flexc_row_band* out);

/* A pair is kept if its position lies in the row's band (where there is a band_row) and mask_row keeps it (where there is one): beside a
 * band, mask_row is the residual, and says nothing of columns outside of the band, whose bits may be either.
 * Writes keep bits: bit i % 64 of keep[i / 64] is 1 where column i is kept; bits from `count` to the end of the last word are 0. */
typedef void (*flexc_mask_row_fn)(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment,
                                  uint64_t* keep);

/* All that mask_row sees of a row besides its b and h: of two rows of one (b, h) whose numbers are the same it gives the same bits, outside of their bands too, and one is asked for
 * both. A document's number, say. */
typedef void (*flexc_mask_key_fn)(const flexc_row_launch* launch, const void* head, const void* q_side, int64_t b, int64_t h, int64_t q,
                                  int64_t* out);

/* For the backward pass: d[i] = the derivative of score_mod by s at s[i] (natural units in, a plain factor out). Null until then. */
typedef void (*flexc_dlogit2_row_fn)(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment,
                                     const float* s, float* d);

/* The mods of one variant. What is absent is null and costs nothing. */
typedef struct flexc_row_module {
  uint32_t abi_version; /* FLEXC_ROW_ABI_VERSION */
  uint32_t score_class; /* flexc_score_class */
  uint32_t launch_slots, head_slots, q_side_slots, kv_side_slots;
  flexc_launch_level_fn launch_level;
  flexc_head_level_fn head_level;
  flexc_q_side_fn q_side;
  flexc_kv_side_fn kv_side;
  flexc_score_row_fn score_row;     /* general and affine */
  flexc_affine_row_fn affine_row;   /* affine only */
  flexc_band_row_fn band_row;       /* null: no position is ruled out beforehand */
  flexc_mask_row_fn mask_row;       /* null: every pair in the band is kept */
  flexc_dlogit2_row_fn dlogit2_row; /* null: identity, or no backward pass */
  flexc_mask_key_fn mask_key;       /* null: mask_row has to be asked for each row */
} flexc_row_module;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
