// Layouts, against what the PTX ISA prints: the tables below were typed from its figures, row by row; nothing in them is computed.
#include <catch2/catch.hpp>
#include <set>

#include "templates/model/layouts.h"

using namespace flexc::model;

namespace {

// "128B swizzling": eight rows of eight 16-byte chunks. Entry [row][place] is the chunk of the row that lies at that place.
constexpr int kSwizzle128[8][8] = {
    {0, 1, 2, 3, 4, 5, 6, 7},  //
    {1, 0, 3, 2, 5, 4, 7, 6},  //
    {2, 3, 0, 1, 6, 7, 4, 5},  //
    {3, 2, 1, 0, 7, 6, 5, 4},  //
    {4, 5, 6, 7, 0, 1, 2, 3},  //
    {5, 4, 7, 6, 1, 0, 3, 2},  //
    {6, 7, 4, 5, 2, 3, 0, 1},  //
    {7, 6, 5, 4, 3, 2, 1, 0},
};

// Figure "WGMMA .m64nNk16 register fragment layout for accumulator matrix D": who holds the first eight columns of rows 0 to 15 (warp 0), as
// {thread, register}. Columns 8..15 are the same threads' registers 4..7, and so on; warp w holds rows 16w .. 16w+15.
struct Holder {
  int thread, part;
};
constexpr Holder kAccumulator[16][8] = {
    {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}, {3, 0}, {3, 1}},          // row 0
    {{4, 0}, {4, 1}, {5, 0}, {5, 1}, {6, 0}, {6, 1}, {7, 0}, {7, 1}},          // row 1
    {{8, 0}, {8, 1}, {9, 0}, {9, 1}, {10, 0}, {10, 1}, {11, 0}, {11, 1}},      // row 2
    {{12, 0}, {12, 1}, {13, 0}, {13, 1}, {14, 0}, {14, 1}, {15, 0}, {15, 1}},  // row 3
    {{16, 0}, {16, 1}, {17, 0}, {17, 1}, {18, 0}, {18, 1}, {19, 0}, {19, 1}},  // row 4
    {{20, 0}, {20, 1}, {21, 0}, {21, 1}, {22, 0}, {22, 1}, {23, 0}, {23, 1}},  // row 5
    {{24, 0}, {24, 1}, {25, 0}, {25, 1}, {26, 0}, {26, 1}, {27, 0}, {27, 1}},  // row 6
    {{28, 0}, {28, 1}, {29, 0}, {29, 1}, {30, 0}, {30, 1}, {31, 0}, {31, 1}},  // row 7
    {{0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 2}, {2, 3}, {3, 2}, {3, 3}},          // row 8
    {{4, 2}, {4, 3}, {5, 2}, {5, 3}, {6, 2}, {6, 3}, {7, 2}, {7, 3}},          // row 9
    {{8, 2}, {8, 3}, {9, 2}, {9, 3}, {10, 2}, {10, 3}, {11, 2}, {11, 3}},      // row 10
    {{12, 2}, {12, 3}, {13, 2}, {13, 3}, {14, 2}, {14, 3}, {15, 2}, {15, 3}},  // row 11
    {{16, 2}, {16, 3}, {17, 2}, {17, 3}, {18, 2}, {18, 3}, {19, 2}, {19, 3}},  // row 12
    {{20, 2}, {20, 3}, {21, 2}, {21, 3}, {22, 2}, {22, 3}, {23, 2}, {23, 3}},  // row 13
    {{24, 2}, {24, 3}, {25, 2}, {25, 3}, {26, 2}, {26, 3}, {27, 2}, {27, 3}},  // row 14
    {{28, 2}, {28, 3}, {29, 2}, {29, 3}, {30, 2}, {30, 3}, {31, 2}, {31, 3}},  // row 15
};

// Figure "WGMMA .m64nNk16 register fragment layout for matrix A": rows 0, 1, 7, 8, 9 and 15 of warp 0, all sixteen columns, as {thread, half}.
struct ARow {
  int row;
  Holder holders[16];
};
constexpr ARow kFragmentA[] = {
    {0, {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}, {3, 0}, {3, 1}, {0, 4}, {0, 5}, {1, 4}, {1, 5}, {2, 4}, {2, 5}, {3, 4}, {3, 5}}},
    {1, {{4, 0}, {4, 1}, {5, 0}, {5, 1}, {6, 0}, {6, 1}, {7, 0}, {7, 1}, {4, 4}, {4, 5}, {5, 4}, {5, 5}, {6, 4}, {6, 5}, {7, 4}, {7, 5}}},
    {7,
     {{28, 0},
      {28, 1},
      {29, 0},
      {29, 1},
      {30, 0},
      {30, 1},
      {31, 0},
      {31, 1},
      {28, 4},
      {28, 5},
      {29, 4},
      {29, 5},
      {30, 4},
      {30, 5},
      {31, 4},
      {31, 5}}},
    {8, {{0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 2}, {2, 3}, {3, 2}, {3, 3}, {0, 6}, {0, 7}, {1, 6}, {1, 7}, {2, 6}, {2, 7}, {3, 6}, {3, 7}}},
    {9, {{4, 2}, {4, 3}, {5, 2}, {5, 3}, {6, 2}, {6, 3}, {7, 2}, {7, 3}, {4, 6}, {4, 7}, {5, 6}, {5, 7}, {6, 6}, {6, 7}, {7, 6}, {7, 7}}},
    {15,
     {{28, 2},
      {28, 3},
      {29, 2},
      {29, 3},
      {30, 2},
      {30, 3},
      {31, 2},
      {31, 3},
      {28, 6},
      {28, 7},
      {29, 6},
      {29, 7},
      {30, 6},
      {30, 7},
      {31, 6},
      {31, 7}}},
};

// Offsets, in elements, of the ISA's worked examples of canonical layouts (bf16), before the swizzle: {mn, k, offset}.
struct Place {
  uint32_t mn, k, offset;
};
// "MN-Major, no-swizzling and bf16": ((8,1,2),(8,2)):((1,8,64),(8,128)), LBO 128 elements, SBO 64.
constexpr Place kMnNone[] = {{0, 0, 0}, {7, 0, 7}, {8, 0, 64}, {15, 0, 71}, {0, 1, 8}, {0, 7, 56}, {0, 8, 128}, {8, 8, 192}, {15, 15, 255}};
// "MN-Major, 32B swizzling and bf16": ((8,2,2),(8,2)):((1,8,128),(16,256)), LBO 128 elements, SBO 256.
constexpr Place kMn32[] = {{0, 0, 0}, {8, 0, 8}, {16, 0, 128}, {24, 0, 136}, {0, 1, 16}, {0, 7, 112}, {0, 8, 256}, {16, 8, 384}, {31, 15, 511}};
// "MN-Major, 64B swizzling and bf16": ((8,4,2),(8,2)):((1,8,256),(32,512)), LBO 256 elements, SBO 512.
constexpr Place kMn64[] = {{0, 0, 0}, {8, 0, 8}, {24, 0, 24}, {32, 0, 256}, {0, 1, 32}, {0, 7, 224}, {0, 8, 512}, {32, 8, 768}, {63, 15, 1023}};
// "128B Swizzling" MN-major: ((8,8,m),(8,k)):((1,8,LBO),(64,SBO)) with LBO 1024 elements and SBO 512.
constexpr Place kMn128[] = {{0, 0, 0}, {8, 0, 8}, {56, 0, 56}, {64, 0, 1024}, {0, 1, 64}, {0, 7, 448}, {0, 8, 512}, {64, 8, 1536}, {127, 15, 2047}};
// K-major: "128B Swizzling" ((8,m),(8,2k)):((64,SBO),(1,8)) with SBO 512; "no-swizzling" ((8,m),(8,2k)):((8,SBO),(1,LBO)) with LBO 128, SBO 64.
constexpr Place kK128[] = {{0, 0, 0}, {1, 0, 64}, {7, 0, 448}, {8, 0, 512}, {0, 8, 8}, {9, 8, 584}, {15, 15, 975}};
constexpr Place kKNone[] = {{0, 0, 0}, {1, 0, 8}, {7, 0, 56}, {8, 0, 64}, {0, 8, 128}, {9, 8, 200}, {15, 15, 255}};

// The element's address without the swizzle, through the model's descriptor of a matrix that starts at `start` (aligned to the pattern).
template <size_t kCount>
void check_places(const Place (&places)[kCount], Swizzle mode, uint32_t leading, uint32_t stride, bool mn_major) {
  constexpr uint32_t kStart = 8192;
  MatrixDescriptor d;
  d.start = kStart;
  d.leading = leading * 2;
  d.stride = stride * 2;
  d.swizzle = mode;
  for (const Place& place : places) {
    const uint32_t chunk = mn_major ? d.mn_major(place.mn / 8 * 8, place.k) : d.k_major(place.mn, place.k / 8 * 8);
    const uint32_t linear = swizzled(chunk, mode) + 2 * (mn_major ? place.mn % 8 : place.k % 8);  // the swizzle is its own inverse
    INFO("mn " << place.mn << " k " << place.k);
    CHECK(linear == kStart + 2 * place.offset);
  }
}

}  // namespace

TEST_CASE("128-byte swizzle, as the ISA's table shows it") {
  for (uint32_t row = 0; row < 8; ++row) {
    for (uint32_t place = 0; place < 8; ++place) {
      const uint32_t chunk = static_cast<uint32_t>(kSwizzle128[row][place]);
      CHECK(swizzled(4096 + row * 128 + chunk * 16, Swizzle::B128) == 4096 + row * 128 + place * 16);
    }
  }
}

TEST_CASE("narrower swizzles permute fewer chunks, and later") {
  // 64 bytes: chunk ^= (address / 128) % 4; 32 bytes: chunk ^= (address / 128) % 2. Typed from Swizzle<2,4,3> and Swizzle<1,4,3>.
  CHECK(swizzled(0 * 128 + 0 * 16, Swizzle::B64) == 0);
  CHECK(swizzled(1 * 128 + 0 * 16, Swizzle::B64) == 1 * 128 + 1 * 16);
  CHECK(swizzled(3 * 128 + 1 * 16, Swizzle::B64) == 3 * 128 + 2 * 16);
  CHECK(swizzled(4 * 128 + 1 * 16, Swizzle::B64) == 4 * 128 + 1 * 16);
  CHECK(swizzled(1 * 128 + 0 * 16, Swizzle::B32) == 1 * 128 + 1 * 16);
  CHECK(swizzled(2 * 128 + 1 * 16, Swizzle::B32) == 2 * 128 + 1 * 16);
  CHECK(swizzled(5 * 128 + 3 * 16, Swizzle::None) == 5 * 128 + 3 * 16);
}

TEST_CASE("swizzles are bijections within their pattern, and their own inverses") {
  for (Swizzle mode : {Swizzle::None, Swizzle::B128, Swizzle::B64, Swizzle::B32}) {
    for (uint32_t base = 0; base < 8; ++base) {
      std::set<uint32_t> seen;
      for (uint32_t address = 0; address < 2048; address += 16) {
        const uint32_t to = swizzled(address, mode, base);
        CHECK(to / 128 == address / 128);
        CHECK(swizzled(to, mode, base) == address);
        seen.insert(to);
      }
      CHECK(seen.size() == 128);
    }
  }
}

TEST_CASE("m64nNk16 accumulator, as the ISA's figure shows it") {
  for (int warp = 0; warp < 4; ++warp) {
    for (int row = 0; row < 16; ++row) {
      for (int column = 0; column < 8; ++column) {
        const Holder holder = kAccumulator[row][column];
        for (int group = 0; group < 32; ++group) {
          CHECK(accumulator_element(32 * warp + holder.thread, holder.part + 4 * group) == Element{16 * warp + row, column + 8 * group});
        }
      }
    }
  }
}

TEST_CASE("m64nNk16 operand A in registers, as the ISA's figure shows it") {
  for (int warp = 0; warp < 4; ++warp) {
    for (const ARow& row : kFragmentA) {
      for (int column = 0; column < 16; ++column) {
        const Holder holder = row.holders[column];
        CHECK(a_fragment_element(32 * warp + holder.thread, holder.part) == Element{16 * warp + row.row, column});
      }
    }
  }
}

TEST_CASE("fragments are bijections") {
  for (int n : {8, 16, 24, 128, 176, 256}) {
    std::set<std::pair<int, int>> seen;
    for (int t = 0; t < 128; ++t) {
      for (int i = 0; i < n / 2; ++i) {
        const Element at = accumulator_element(t, i);
        CHECK((at.row >= 0 && at.row < 64 && at.column >= 0 && at.column < n));
        seen.insert({at.row, at.column});
      }
    }
    CHECK(seen.size() == static_cast<size_t>(64 * n));
  }
  std::set<std::pair<int, int>> seen;
  for (int t = 0; t < 128; ++t) {
    for (int i = 0; i < 8; ++i) seen.insert({a_fragment_element(t, i).row, a_fragment_element(t, i).column});
  }
  CHECK(seen.size() == 64 * 16);
}

TEST_CASE("a packed accumulator is an operand A: 16 of its columns are one step's fragment") {
  for (int t = 0; t < 128; ++t) {
    for (int i = 0; i < 8; ++i) CHECK(accumulator_element(t, 8 + i) == Element{a_fragment_element(t, i).row, 16 + a_fragment_element(t, i).column});
  }
}

TEST_CASE("descriptor fields") {
  // start 0x1c400, LBO 16, SBO 1024, base offset 5, swizzle 1 (128 bytes).
  const MatrixDescriptor d = MatrixDescriptor::decode(0x1c40ull | 1ull << 16 | 64ull << 32 | 5ull << 49 | 1ull << 62);
  CHECK(d.start == 0x1c400);
  CHECK(d.leading == 16);
  CHECK(d.stride == 1024);
  CHECK(d.base_offset == 5);
  CHECK(d.swizzle == Swizzle::B128);
  CHECK(d.reserved == 0);
  for (int bit : {14, 15, 30, 31, 46, 47, 48, 52, 53, 61}) CHECK(MatrixDescriptor::decode(uint64_t{1} << bit).reserved != 0);
  for (int bit : {0, 13, 16, 29, 32, 45, 49, 51, 62, 63}) CHECK(MatrixDescriptor::decode(uint64_t{1} << bit).reserved == 0);
  CHECK(MatrixDescriptor::decode(2ull << 62).swizzle == Swizzle::B64);
  CHECK(MatrixDescriptor::decode(3ull << 62).swizzle == Swizzle::B32);
}

TEST_CASE("canonical layouts, as the ISA's examples give them") {
  check_places(kMnNone, Swizzle::None, 128, 64, true);
  check_places(kMn32, Swizzle::B32, 128, 256, true);
  check_places(kMn64, Swizzle::B64, 256, 512, true);
  check_places(kMn128, Swizzle::B128, 1024, 512, true);
  check_places(kK128, Swizzle::B128, 1, 512, false);
  check_places(kKNone, Swizzle::None, 128, 64, false);
}

TEST_CASE("descriptor maps are bijections onto their bytes") {
  struct Case {
    Swizzle mode;
    uint32_t leading, stride;
    bool mn_major;
  };
  // Dense matrices: 64 wide, 16 deep.
  for (const Case& c : {Case{Swizzle::B128, 16, 1024, false}, Case{Swizzle::B128, 8192, 1024, true}, Case{Swizzle::None, 128, 256, false},
                        Case{Swizzle::B32, 512, 256, true}}) {
    MatrixDescriptor d;
    d.start = 16384;
    d.leading = c.leading;
    d.stride = c.stride;
    d.swizzle = c.mode;
    std::set<uint32_t> seen;
    for (uint32_t mn = 0; mn < 64; mn += c.mn_major ? 8 : 1) {
      for (uint32_t k = 0; k < 16; k += c.mn_major ? 1 : 8) seen.insert(c.mn_major ? d.mn_major(mn, k) : d.k_major(mn, k));
    }
    CHECK(seen.size() == 64 * 16 / 8);
    for (uint32_t address : seen) CHECK(address % 16 == 0);
  }
}

TEST_CASE("steps of 16 columns inside a swizzled row only move the start address") {
  // K-major, 128-byte rows: step s begins 32 s bytes into the row; the swizzle goes by the address, so no other field changes.
  for (uint32_t step = 0; step < 4; ++step) {
    MatrixDescriptor d;
    d.start = 4096 + 32 * step;
    d.stride = 1024;
    d.swizzle = Swizzle::B128;
    for (uint32_t row = 0; row < 16; ++row) {
      for (uint32_t half = 0; half < 2; ++half) {
        const uint32_t chunk = 2 * step + half;  // of the row's eight
        uint32_t place = 0;
        while (static_cast<uint32_t>(kSwizzle128[row % 8][place]) != chunk) ++place;
        CHECK(d.k_major(row, 8 * half) == 4096 + row * 128 + place * 16);
      }
    }
  }
}
