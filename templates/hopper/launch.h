// The arguments of the Hopper forward kernel: one struct that the device code, the host runtime and the host model share. Plain C, no includes.
// The kernel's second argument is the variant's own Hooks::Params (templates/hooks.cuh).
#pragma once

#ifdef __cplusplus
#define FLEXC_ALIGNAS(bytes) alignas(bytes)
#else
#define FLEXC_ALIGNAS(bytes) _Alignas(bytes)
#endif

// A tensor map as cuTensorMapEncodeTiled makes it (CUtensorMap): opaque to the device, which only passes its address to TMA. The driver asks for an
// alignment of 64 bytes. All four maps have rank 4, dimensions {head_dim, length, heads, batch} (innermost first), 2-byte elements, 128-byte swizzle,
// zero fill outside, no interleave, element strides of 1. Boxes, in elements:
//   q    {64, tile M, 1, 1}          out  {64, 64, 1, 1}          k, v  {64, tile N, 1, 1}
struct FLEXC_ALIGNAS(64) flexc_tensor_map {
  unsigned char bytes[128];
};

// Division by a run-time constant d >= 1 of numerators below 2^31: n / d == (n * magic) >> shift in 64 bits, with shift = 31 + ceil(log2 d) and
// magic = ceil(2^shift / d), which fits in 32 bits.
struct flexc_divisor {
  unsigned int value, magic, shift;
};

// Words of the workspace, kFlexcWorkspaceHeader and one for each tile of query rows. The host zeroes them all on the stream before each launch.
enum {
  kFlexcWorkNext = 0,         // items handed out so far beyond the first of each CTA
  kFlexcWorkNonFinite = 1,    // warps (16 rows of a tile each) whose output was not finite
  kFlexcWorkspaceHeader = 4,  // then, for each tile of rows (an item less its split), how many of its warps those were
};

// What a part of the keys leaves of 16 query rows, where keys are cut into splits: for each row what its exponentials are taken against (log2 domain) and
// their sum, 0 where it keeps nothing; and the outputs, not divided by the sum, as a warp holds them: quad j of lane l is row l / 4 and l / 4 + 8, columns
// 8 j + 2 (l % 4) and the next, first the two of the first row.
struct FLEXC_ALIGNAS(8) flexc_row_state {
  float reference, sum;
};
struct FLEXC_ALIGNAS(16) flexc_quad {
  float values[4];
};
enum { kFlexcWarpRows = 16, kFlexcWarpLanes = 32 };

// A block mask as a kernel with a mask of pairs reads it (runtime/cuda/mask_metadata.h). A row is what an item visits: runs of the member's tiles of keys,
// ascending, at least one tile. Behind the last run of all lies one more that may be read.
struct FLEXC_ALIGNAS(8) flexc_tile_row {
  unsigned first_run, tiles;
};
struct FLEXC_ALIGNAS(8) flexc_tile_run {
  unsigned first, count_and_full;  // 2 * count + 1 where all tiles are full, 2 * count where they have to be masked
};

struct flexc_hopper_arguments {
  struct flexc_tensor_map q_map, k_map, v_map, out_map;

  // Lengths of this call; positions that mods see are offset + row or column. q_len > 0: with q_len = 0
  // nothing is launched. kv_len = 0 is allowed; the maps of k and v then describe any readable memory.
  int q_len, kv_len;
  int batch, heads;
  long long q_offset, kv_offset;

  // 1 where k (v) has as many batches as q, 0 where its only one is shared by all.
  int k_batched, v_batched;

  // scale * log2(e) in f32, for the score class identity. Positive and finite: the host launches another member of the family otherwise.
  float scale_log2;

  // Where not null: f32 [batch, heads, q_len], strides in elements, the last one 1.
  float* lse;
  long long lse_batch_stride, lse_head_stride;

  // Where not null: f32 [heads], a logit in natural units that the denominator and lse gain.
  const float* sink;
  // Where not null: f32 as lse is, the largest kept modified score of each row, -inf where there is none; the sink is none of them.
  float* max_scores;
  long long max_batch_stride, max_head_stride;

  // Work. An item is a tile of M query rows of one (b, h), or one of the `splits` parts of its keys. Tiles of rows come in groups of (b, h) pairs whose keys and values fit in L2 together; in a group,
  // q-blocks are the slow index, and run downwards where descending is set, so that the longest rows of a causal mask come first.
  unsigned int items;        // batch * heads * q_blocks * splits, below 2^31
  unsigned int q_blocks;     // ceil(q_len / M)
  unsigned int group_heads;  // (b, h) pairs a group, 1 ... batch * heads
  int descending;
  struct flexc_divisor divide_by_group_items;   // by group_heads * q_blocks
  struct flexc_divisor divide_by_group_heads;   // by group_heads
  struct flexc_divisor divide_by_last_heads;    // by the (b, h) pairs of the last group
  struct flexc_divisor divide_by_heads;         // by heads
  struct flexc_divisor divide_by_heads_per_kv;  // by heads / kv_heads
  unsigned int* workspace;                      // kFlexcWorkspaceHeader + items / splits words

  // Splits. Item n is part n % splits of tile n / splits of the order above; part s has the tiles of keys from s * split_tiles on, by position. With more
  // than one, items leave the state of their rows: item n, 16 rows w of it, at partial_rows[(n * partial_warps + w) * 16] and
  // partial_outputs[(n * partial_warps + w) * 32 * DV / 8]; combine_kernel.cuh makes the outputs of them. With one, split_tiles has all, and both are null.
  unsigned int splits, split_tiles;
  unsigned int partial_warps;  // of an item: as many as have rows
  struct flexc_divisor divide_by_splits;
  struct flexc_row_state* partial_rows;
  struct flexc_quad* partial_outputs;

  // The block mask, where the member has a mask of pairs and the call brings one; else all null. Item number n of the launch is mask_order[n] of the order
  // above: in each group the items with the most tiles come first. Row (b, h, q-block, split) is
  // mask_rows[b * mask_batch_rows + h * mask_head_rows + q-block * splits + split].
  const unsigned* mask_order;
  const struct flexc_tile_row* mask_rows;
  const struct flexc_tile_run* mask_runs;
  unsigned mask_batch_rows, mask_head_rows;  // 0 where all batches (heads) share their rows

  // Always 0. The compiler does not know it, which is what it is for (primitives.cuh, opaque values).
  unsigned int zero;

  // The same tensors for the plain kernel (templates/simt), which has no maps: pointers, and strides in elements of {row, head, batch}; batch strides are 0
  // where the only batch is shared.
  const void *q, *k, *v;
  void* out;
  long long q_strides[3], k_strides[3], v_strides[3], out_strides[3];
  int head_dim, value_dim;  // elements of a row of q and k, and of v and out
  int item_rows;            // query rows of an item: M; for the plain kernel a multiple of its blocks' rows
  int only_marked;          // not 0: the plain kernel computes the items alone that the Hopper kernel has marked in the workspace
};
