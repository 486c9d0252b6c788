// The shape of the plain kernel's blocks and their layout in shared memory. Shared by the kernel, the emitter and the host runtime. Plain C++17.
#pragma once
#include "templates/hopper/tile.h"

namespace flexc::device {

inline constexpr unsigned kSimtThreads = 256;       // of a CTA: 16 x 16 in the products
inline constexpr unsigned kSimtSide = 16;           // of that grid
inline constexpr unsigned kSimtKeys = 64;           // keys a tile
inline constexpr unsigned kSimtDepth = 32;          // columns of Q and K in shared memory at a time
inline constexpr unsigned kSimtPad = 4;             // words behind a row of 32 or 64: rows begin at other banks, and at multiples of 16 bytes
inline constexpr unsigned kSimtStaged = 4096;       // words of V in shared memory at a time, at most
inline constexpr unsigned kMostSimtValueDim = 512;  // the output is in registers
inline constexpr unsigned kMostSimtHeadDim = 4096;  // Q K^T takes its columns bit by bit; a limit all the same
inline constexpr unsigned kSimtSharedLimit = 99 * 1024;  // what a CTA may have on every GPU from sm_80 on

inline constexpr unsigned kSimtItemRows = 128;      // query rows of an item of a launch: whole blocks

/// Query rows of a block. Four of them a thread, or two where their output would be more than 64 registers.
constexpr unsigned simt_rows(unsigned value_dim) { return value_dim <= 256 ? 64 : 32; }

/// Keys whose values are in shared memory together: a power of two, at least 8.
constexpr unsigned simt_value_keys(unsigned value_dim) {
  unsigned keys = kSimtKeys;
  while (keys * value_dim > kSimtStaged) keys /= 2;
  return keys;
}

// The head dim is known at run time; DV is a multiple of 64, of which a tensor may have less.
template <Element kElementType, unsigned kValueDim, unsigned kTableSlots = 0>
struct SimtTile {
  static constexpr Element kElement = kElementType;
  static constexpr unsigned kDV = kValueDim;
  static constexpr unsigned kSlots = kTableSlots;  // 4-byte words a key of the kv_side table
  static constexpr unsigned kM = simt_rows(kValueDim);
  static constexpr unsigned kN = kSimtKeys;
  static_assert(kDV % kPanelColumns == 0 && kDV > 0 && kDV <= kMostSimtValueDim, "the output's columns are whole panels, at most 512");

  // What a thread has of the products: rows y + 16 i, keys x + 16 j, and of the output the columns 4 x ... 4 x + 3 of each 64.
  static constexpr unsigned kRows = kM / kSimtSide;
  static constexpr unsigned kKeys = kN / kSimtSide;
  static constexpr unsigned kFours = kDV / kPanelColumns;
  static constexpr unsigned kLanes = kSimtThreads / kM;  // threads that share a row in the softmax

  static constexpr unsigned kValueKeys = simt_value_keys(kDV);
  static constexpr unsigned kDepthStride = kSimtDepth + kSimtPad;
  static constexpr unsigned kScoreStride = kN + kSimtPad;

  // Shared memory, in words: Q's and K's columns, or values; scores, which become weights; a factor a row; the table.
  static constexpr unsigned kKeyWords = kM * kDepthStride;  // where K begins
  static constexpr unsigned kStagedWords = kKeyWords + kN * kDepthStride > kSimtStaged ? kKeyWords + kN * kDepthStride : kSimtStaged;
  static constexpr unsigned kScoreWords = kStagedWords;
  static constexpr unsigned kFactorWords = kScoreWords + kM * kScoreStride;
  static constexpr unsigned kTableWords = kFactorWords + kM;
  static constexpr unsigned kSharedBytes = (kTableWords + kSlots * kN) * 4;
  static_assert(kSharedBytes <= kSimtSharedLimit, "the table of columns does not fit into shared memory");
};

}  // namespace flexc::device
