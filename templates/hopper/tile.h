// A tile's shape and what follows from it: the layout in shared memory and the descriptor steps of both matrix products. Shared by the kernel, by the
// generator of the products' PTX (compiler/emit/cuda/gemm_source.h), by the host runtime (boxes, bytes, threads) and by the host model. Plain C++17,
// no includes.
//
// Layout. Every operand is cut into *panels* of 64 columns, that is 128 bytes a row, which is the swizzle's width. A panel is rows x 128 bytes, row
// after row, with 128-byte swizzle: the 16-byte chunk c of row r lies at chunk c ^ (r & 7). Panels follow each other, so a panel of Q is M * 128
// bytes, one of K or V N * 128. All panels start at multiples of 1024 bytes.
#pragma once

namespace flexc::device {

inline constexpr unsigned kPanelColumns = 64;  // of 2-byte elements
inline constexpr unsigned kPanelRowBytes = 128;
inline constexpr unsigned kWarpQuadBytes = 512;  // a warp's four f32 a lane
inline constexpr unsigned kWarpgroupRows = 64;  // rows of a wgmma
inline constexpr unsigned kWarpgroupThreads = 128;
inline constexpr unsigned kGemmK = 16;            // the depth of one wgmma on 2-byte elements
inline constexpr unsigned kStages = 2;            // of the rings of K and V tiles
inline constexpr unsigned kSharedBase = 0x400;    // where dynamic shared memory begins: CUDA keeps the first KiB; the kernel checks it
inline constexpr unsigned kControlSpare = 252;    // a word of the first 256 bytes, which hold the barriers, that nothing uses
inline constexpr unsigned kSharedLimit = 232448;  // 227 KiB, the most a CTA may have

enum class Element : int { kBf16, kF16, kF32 };  // the last of templates/simt alone

#if !defined(__CUDACC__)  // the generator's and the model's: on the device the steps are in the printed text
// The columns of a tile for this head dim. What a tensor lacks of them comes as zeros from TMA, and is not stored.
constexpr unsigned whole_panels(unsigned dim) { return (dim + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }

// Matrix products. Shared-memory descriptors count in units of 16 bytes; steps are added to the whole 64-bit descriptor of the tile's base.
// S = Q K^T: A is Q, B is K, both K-major: four steps of 16 columns fit into a panel's row. O += P V: A is P in registers, B is V (MN-major,
// "transposed"): a step is 16 rows of V.
constexpr unsigned qk_descriptor_step(unsigned panel_bytes, unsigned step) { return step / 4 * (panel_bytes / 16) + step % 4 * 2; }
constexpr unsigned pv_descriptor_step(unsigned step) { return step * (kGemmK * kPanelRowBytes / 16); }
#endif

// What is chosen for a member of a variant's family. Emitted code defines `struct Config : Tile<...>` or passes Tile<...> itself.
template <Element kElementType, unsigned kTileM, unsigned kTileN, unsigned kHeadDim, unsigned kValueDim, unsigned kTableSlots = 0, unsigned kDifferenceWords = 0>
struct Tile {
  static constexpr Element kElement = kElementType;
  static constexpr unsigned kM = kTileM;  // query rows a CTA: 64 a consumer warpgroup
  static constexpr unsigned kN = kTileN;  // keys a tile
  static constexpr unsigned kD = kHeadDim;
  static constexpr unsigned kDV = kValueDim;
  static constexpr unsigned kSlots = kTableSlots;  // 4-byte words a column of the kv_side table
  static constexpr unsigned kRelativeWords = kDifferenceWords;  // 4-byte words a difference q - kv of the table of differences
  static constexpr bool kHasTable = kSlots > 0 || kRelativeWords > 0;
  static constexpr unsigned kConsumers = kM / kWarpgroupRows;
  static constexpr unsigned kThreads = (kConsumers + 1) * kWarpgroupThreads;

  // Registers. The launch bound's share of 65,536, in steps of 8, is what a CTA gets: 168 a thread at 384 threads, 128 at 512. setmaxnreg moves them
  // from the producer to the consumers, and the sum may not grow: 40 + 2 * 232 = 3 * 168, 32 + 3 * 160 = 4 * 128. (32 and 240 would be 1,024
  // registers more than the CTA has, and the last warpgroup would wait for them for ever.)
  static constexpr unsigned kProducerRegisters = kConsumers == 2 ? 40 : 32;
  static constexpr unsigned kConsumerRegisters = kConsumers == 2 ? 232 : kConsumers == 3 ? 160 : 255;

  static_assert(kM % kWarpgroupRows == 0 && (kConsumers == 2 || kConsumers == 3), "two or three consumer warpgroups of 64 rows");
  static_assert(kN % kGemmK == 0 && kN >= kGemmK && kN <= 256, "a product's width is a multiple of 16, at most 256");
  static_assert(kD % kPanelColumns == 0 && kDV % kPanelColumns == 0 && kD <= 256 && kDV <= 256, "head dimensions are whole panels, at most 256");

  // Shared memory, as offsets from kSharedBase. Q and the output share their bytes where there is no room for both.
  static constexpr unsigned kQPanelBytes = kM * kPanelRowBytes;
  static constexpr unsigned kKvPanelBytes = kN * kPanelRowBytes;
  static constexpr unsigned kQBytes = kQPanelBytes * (kD / kPanelColumns);
  static constexpr unsigned kKBytes = kKvPanelBytes * (kD / kPanelColumns);   // a stage
  static constexpr unsigned kVBytes = kKvPanelBytes * (kDV / kPanelColumns);  // a stage
  static constexpr unsigned kOutBytes = kQPanelBytes * (kDV / kPanelColumns);
  static constexpr unsigned kColumnBytes = kSlots * kN * 4;  // a stage's table of columns: [slot][column]
  static constexpr unsigned kDifferences = kM + kN - 1;      // row - column + kN - 1 is a pair's entry
  static constexpr unsigned kTableBytes = kColumnBytes + kRelativeWords * (kDifferences + 1) * 4;  // a stage; behind the columns [word][difference]
  static constexpr unsigned kControlBytes = 256;            // barriers and the current item

  static constexpr unsigned kControlOffset = 0;
  static constexpr unsigned kTableOffset = kControlOffset + kControlBytes;
  static constexpr unsigned kQOffset = (kTableOffset + kStages * kTableBytes + 1023) / 1024 * 1024;
  static constexpr unsigned kKOffset = kQOffset + kQBytes;
  static constexpr unsigned kVOffset = kKOffset + kStages * kKBytes;
  static constexpr unsigned kEndOfV = kVOffset + kStages * kVBytes;
  static constexpr bool kOutputHasRoom = kEndOfV + kOutBytes <= kSharedLimit;
  static constexpr unsigned kOutOffset = kOutputHasRoom ? kEndOfV : kQOffset;
  static constexpr unsigned kSharedBytes = kOutputHasRoom ? kEndOfV + kOutBytes : kEndOfV;  // dynamic shared memory of a launch
  static_assert(kOutputHasRoom || kOutBytes <= kQBytes, "the output takes Q's place, so it may not be larger");
  static_assert(kSharedBytes <= kSharedLimit, "the tile does not fit into shared memory");

  // Elements a thread owns: of the scores (64 x N over 128 threads), of the output, and packed pairs of probabilities.
  static constexpr unsigned kScores = kN / 2;
  static constexpr unsigned kOutputs = kDV / 2;
  static constexpr unsigned kPacked = kN / 4;

  static constexpr unsigned kQkSteps = kD / kGemmK;
  static constexpr unsigned kPvSteps = kN / kGemmK;

  // Descriptor fields, in bytes. Stride: from one group of 8 rows to the next. Leading: for V, from one panel to the next (64 columns of the
  // product's N); K-major operands with a swizzle ignore it.
  static constexpr unsigned kStrideBytes = 8 * kPanelRowBytes;
  static constexpr unsigned kQkLeadingBytes = 16;
  static constexpr unsigned kPvLeadingBytes = kKvPanelBytes;
};

}  // namespace flexc::device
