// The machine as a kernel sees it, in the host model: the same names as templates/hopper/primitives.cuh, over machine.h. A kernel's text includes one
// of the two headers and compiles unchanged.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "templates/hopper/tile.h"
#include "templates/model/machine.h"
#include "templates/model/numbers.h"

#define FLEXC_DEVICE inline
#define FLEXC_CONSTANT static constexpr
#define FLEXC_KERNEL(threads) extern "C" void
#define FLEXC_ARGUMENT const
#ifndef FLEXC_UNROLL
#define FLEXC_UNROLL
#endif
#define FLEXC_NO_UNROLL

namespace flexc::device {

using i32 = int;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

using Site = model::Site;
#define SITE(name) (::flexc::device::Site{#name})

namespace detail {

inline model::Machine& machine() { return *model::machine; }

// A value that does not exist yet must not be computed with. NaNs carry their pattern through arithmetic, so checking here and there is enough.
inline float real(Site site, const char* where, float value) {
  if (model::is_poison(std::bit_cast<u32>(value))) machine().poison_used(site, where);
  return value;
}
inline u32 real(Site site, const char* where, u32 value) {
  if (model::is_poison(value)) machine().poison_used(site, where);
  return value;
}

inline float flush_subnormal(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

// The approximate units: the rounded result, off by an error of at most `bound` (relative) where the launch asks for it. A function of the argument.
inline float approximate(const char* name, float x, double exact, double bound) {
  u32 salt = machine().approximation_salt;
  if (salt == 0) return static_cast<float>(exact);
  salt = (salt ^ std::bit_cast<u32>(x)) * 0x9e37'79b1u;
  salt = (salt ^ salt >> 15) * 0x85eb'ca77u;
  const double error = (static_cast<double>(salt >> 8) / 0x80'0000 - 1.0) * bound;
  (void)name;
  return static_cast<float>(exact * (1.0 + error));
}

}  // namespace detail

// ------------------------------------------------------------------------------------------------------------------ coordinates

inline u32 thread_index() { return detail::machine().self.thread; }
inline u32 lane_index() { return detail::machine().self.thread & 31; }
inline u32 block_index() { return detail::machine().self.block; }
inline u32 block_count() { return detail::machine().self.blocks; }

// ------------------------------------------------------------------------------------------------------- communication in a warp

inline u32 shuffle_index(Site site, u32 value, u32 lane) {
  return detail::machine().warp_exchange(site, model::WarpOperation::Index, detail::real(site, "shuffle", value), lane);
}
inline float shuffle_xor(Site site, float value, u32 mask) {
  detail::real(site, "shuffle", value);
  return std::bit_cast<float>(detail::machine().warp_exchange(site, model::WarpOperation::Xor, std::bit_cast<u32>(value), mask));
}
inline bool warp_any(Site site, bool predicate) { return detail::machine().warp_exchange(site, model::WarpOperation::Any, predicate, 0) != 0; }
inline i32 warp_minimum(Site site, i32 value) {
  return static_cast<i32>(detail::machine().warp_exchange(site, model::WarpOperation::Minimum, static_cast<u32>(value), 0));
}
inline i32 warp_maximum(Site site, i32 value) {
  return static_cast<i32>(detail::machine().warp_exchange(site, model::WarpOperation::Maximum, static_cast<u32>(value), 0));
}
inline void warp_sync(Site site) { detail::machine().warp_sync(site); }

// ------------------------------------------------------------------------------------------------------------- barriers of threads

inline void block_sync(Site site) { detail::machine().block_sync(site); }
inline void named_barrier_sync(Site site, u32 id, u32 threads) { detail::machine().named_barrier(site, id, threads, true); }
inline void named_barrier_arrive(Site site, u32 id, u32 threads) { detail::machine().named_barrier(site, id, threads, false); }

// ------------------------------------------------------------------------------------------------------------------- mbarriers

inline void mbarrier_init(Site site, u32 barrier, u32 count) { detail::machine().mbarrier_init(site, barrier, count); }
inline void mbarrier_init_fence(Site site) { detail::machine().mbarrier_init_fence(site); }
inline void mbarrier_arrive(Site site, u32 barrier) { detail::machine().mbarrier_arrive(site, barrier, true); }
inline void mbarrier_arrive_if(Site site, u32 barrier, bool predicate) { detail::machine().mbarrier_arrive(site, barrier, predicate); }
inline void mbarrier_arrive_expect_tx(Site site, u32 barrier, u32 bytes) { detail::machine().mbarrier_arrive_expect_tx(site, barrier, bytes); }
inline void mbarrier_wait(Site site, u32 barrier, u32 parity) { detail::machine().mbarrier_wait(site, barrier, parity); }

// A ring that is one buffer shorter, for mutations.
inline u32 ring_stage(Site site, u32 it) {
  const u32 stage = it % kStages;
  if (detail::machine().watching) [[unlikely]]
    return detail::machine().adjust(site, model::SiteKind::RingStage, stage, it % (kStages - 1));
  return stage;
}
inline u32 ring_parity(Site site, u32 it) {
  const u32 parity = it / kStages & 1;
  if (detail::machine().watching) [[unlikely]]
    return detail::machine().adjust(site, model::SiteKind::RingParity, parity, it / (kStages - 1) & 1);
  return parity;
}

// ------------------------------------------------------------------------------------------------------------------------- TMA

inline void tma_prefetch_map(Site, const void*) {}
inline void tma_load(Site site, u32 to, const void* map, u32 barrier, i32 column, i32 row, i32 head, i32 batch) {
  const int32_t coordinates[] = {column, row, head, batch};
  detail::machine().tma_load(site, to, map, barrier, coordinates, 4);
}
inline void tma_store(Site site, const void* map, u32 from, i32 column, i32 row, i32 head, i32 batch) {
  const int32_t coordinates[] = {column, row, head, batch};
  detail::machine().tma_store(site, map, from, coordinates, 4);
}
inline void tma_store_commit(Site site) { detail::machine().tma_store_commit(site); }
inline void tma_store_wait_read(Site site) { detail::machine().tma_store_wait(site, 0, true); }
inline void tma_store_wait(Site site) { detail::machine().tma_store_wait(site, 0, false); }
inline void async_proxy_fence(Site site) { detail::machine().proxy_fence(site); }

// ------------------------------------------------------------------------------------------------------------------------ wgmma

inline u64 make_descriptor(Site site, u32 address, u32 leading_bytes, u32 stride_bytes) {
  const u64 descriptor =
      (address >> 4 & 0x3fff) | static_cast<u64>(leading_bytes >> 4 & 0x3fff) << 16 | static_cast<u64>(stride_bytes >> 4 & 0x3fff) << 32 | 1ull << 62;
  return detail::machine().watching ? detail::machine().adjust_descriptor(site, descriptor) : descriptor;
}
inline u64 moved_descriptor(u64 descriptor, u32 count, u32 bytes) { return descriptor + static_cast<u64>(count) * (bytes / 16); }
inline void wgmma_fence(Site site) { detail::machine().mma_fence(site); }
inline void wgmma_commit(Site site) { detail::machine().mma_commit(site); }
template <int kPending, unsigned kCount>
inline void wgmma_wait(Site site, float (&accumulator)[kCount]) {
  detail::machine().mma_wait(site, kPending, accumulator);
}

template <int kPending, unsigned kCount>
inline void wgmma_wait_output(Site site, float (&output)[kCount]) {
  wgmma_wait<kPending>(site, output);
}

template <class Config>
inline void qk_gemm(Site site, float (&scores)[Config::kScores], u64 q, u64 k) {
  model::MmaRequest request{};
  request.element = Config::kElement == Element::kBf16 ? model::MmaElement::Bf16 : model::MmaElement::F16;
  request.n = Config::kN;
  request.steps = Config::kQkSteps;
  request.overwrite = true;
  request.accumulator = scores;
  request.a_descriptor = q;
  request.b_descriptor = k;
  request.a_step = [](int s) -> uint64_t { return qk_descriptor_step(Config::kQPanelBytes, static_cast<unsigned>(s)); };
  request.b_step = [](int s) -> uint64_t { return qk_descriptor_step(Config::kKvPanelBytes, static_cast<unsigned>(s)); };
  detail::machine().mma(site, request);
}

template <class Config>
inline void pv_gemm(Site site, float (&output)[Config::kOutputs], const u32 (&packed)[Config::kPacked], u64 v) {
  model::MmaRequest request{};
  request.element = Config::kElement == Element::kBf16 ? model::MmaElement::Bf16 : model::MmaElement::F16;
  request.n = Config::kDV;
  request.steps = Config::kPvSteps;
  request.b_mn_major = true;
  request.accumulator = output;
  request.a_registers = packed;
  request.b_descriptor = v;
  request.b_step = [](int s) -> uint64_t { return pv_descriptor_step(static_cast<unsigned>(s)); };
  detail::machine().mma(site, request);
}

template <class Config>
inline void declare_output() {}
template <class Config>
inline void clear_output(float (&output)[Config::kOutputs]) {
  for (float& value : output) value = 0.0f;
}
template <class Config>
inline void scale_output(float first, float second, float (&output)[Config::kOutputs]) {
  for (u32 i = 0; i < Config::kOutputs; ++i) output[i] *= i / 2 % 2 == 0 ? first : second;
}

template <u32 kRegisters>
inline void raise_registers(Site site) {
  detail::machine().set_registers(site, kRegisters, true);
}
template <u32 kRegisters>
inline void lower_registers(Site site) {
  detail::machine().set_registers(site, kRegisters, false);
}

// ----------------------------------------------------------------------------------------------------------------- shared memory

inline void unexpected_machine(Site site) { detail::machine().poison_used(site, "the check of the machine"); }
inline u32 shared_base() { return kSharedBase; }
inline u32 shared_load(Site site, u32 address) { return detail::machine().shared_load(site, address); }
struct Four {
  float value[4];
};
inline Four shared_load_four(Site site, u32 address) {
  Four four;
  detail::machine().shared_load_four(site, address, four.value);
  return four;
}
inline void shared_store(Site site, u32 address, u32 value) { detail::machine().shared_store(site, address, detail::real(site, "st.shared", value)); }
inline u32 swizzled(Site site, u32 row, u32 chunk) {
  u32 place = chunk ^ (row & 7);
  if (detail::machine().watching) [[unlikely]]
    place = detail::machine().adjust(site, model::SiteKind::SwizzledChunk, place, place);
  return row * kPanelRowBytes + (place << 4);
}
inline void stmatrix(Site site, u32 address, u32 a, u32 b, u32 c, u32 d) {
  const u32 matrices[] = {a, b, c, d};
  for (u32 word : matrices) detail::real(site, "stmatrix", word);
  detail::machine().matrix_store(site, address, matrices);
}

// ----------------------------------------------------------------------------------------------------------------- global memory

// Threads are fibers of one thread of the operating system, so this is atomic.
inline u32 atomic_add(Site, u32* address, u32 value) {
  const u32 before = *address;
  *address += value;
  return before;
}

// ---------------------------------------------------------------------------------------------------------------------- numbers

inline u32 bits_of(float value) { return std::bit_cast<u32>(value); }
inline float float_of(u32 bits) { return std::bit_cast<float>(bits); }
inline float fma_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float div_rn(float a, float b) { return a / b; }
inline float sqrt_rn(float a) { return std::sqrt(a); }
inline float maximum(float a, float b) {
  detail::real(Site{"maximum"}, "maximum", a);
  detail::real(Site{"maximum"}, "maximum", b);
  return std::fmax(a, b);
}

inline float ex2_approx(float x) {
  x = detail::flush_subnormal(detail::real(Site{"ex2_approx"}, "ex2", x));
  return detail::flush_subnormal(detail::approximate("ex2", x, std::exp2(static_cast<double>(x)), 0x1p-22));
}
inline float lg2_approx(float x) {
  x = detail::flush_subnormal(detail::real(Site{"lg2_approx"}, "lg2", x));
  return detail::flush_subnormal(detail::approximate("lg2", x, std::log2(static_cast<double>(x)), 0x1p-22));
}
inline float rcp_approx(float x) {
  x = detail::flush_subnormal(detail::real(Site{"rcp_approx"}, "rcp", x));
  return detail::flush_subnormal(detail::approximate("rcp", x, 1.0 / static_cast<double>(x), 0x1p-23));
}
inline float sqrt_approx(float x) {
  x = detail::flush_subnormal(detail::real(Site{"sqrt_approx"}, "sqrt", x));
  return detail::approximate("sqrt", x, std::sqrt(static_cast<double>(x)), 0x1p-23);
}
inline float rsqrt_approx(float x) {
  x = detail::flush_subnormal(detail::real(Site{"rsqrt_approx"}, "rsqrt", x));
  return detail::approximate("rsqrt", x, 1.0 / std::sqrt(static_cast<double>(x)), 0x1p-23);
}
inline float tanh_approx(float x) {
  return detail::approximate("tanh", x, std::tanh(static_cast<double>(detail::real(Site{"tanh_approx"}, "tanh", x))), 0x1p-11);
}

template <Element kElement>
inline u32 pack_pair(float low, float high) {
  detail::real(Site{"pack_pair"}, "cvt", low);
  detail::real(Site{"pack_pair"}, "cvt", high);
  if constexpr (kElement == Element::kBf16) {
    return static_cast<u32>(model::f32_to_bf16(low)) | static_cast<u32>(model::f32_to_bf16(high)) << 16;
  } else {
    return static_cast<u32>(model::f32_to_f16(low)) | static_cast<u32>(model::f32_to_f16(high)) << 16;
  }
}

template <class Config>
inline void pack_output(float first, float second, u32 keep_first, u32 keep_second, const float (&output)[Config::kOutputs], u32 (&words)[Config::kOutputs / 2]) {
  for (u32 i = 0; i < Config::kOutputs / 2; ++i) {
    const float factor = i % 2 == 0 ? first : second;
    words[i] = pack_pair<Config::kElement>(output[2 * i] * factor, output[2 * i + 1] * factor) & (i % 2 == 0 ? keep_first : keep_second);
  }
}
template <class Config>
inline void store_output(void* to, const float (&output)[Config::kOutputs]) {
  for (u32 i = 0; i < Config::kOutputs; ++i)
    static_cast<float*>(to)[i / 4 * (kWarpQuadBytes / sizeof(float)) + i % 4] = detail::real(Site{"store_output"}, "st.global", output[i]);
}

template <Element kElement>
inline u32 add_nonfinite(u32 found, u32 word) {
  constexpr u32 kExponent = kElement == Element::kBf16 ? 0x7f80 : 0x7c00, kNaN = 0x7fff;
  for (u32 shift : {0u, 16u}) {
    if ((word >> shift & kExponent) == kExponent) found |= kNaN << shift;
  }
  return found;
}

inline u32 low_bits(Site site, u32 count) {
  if (detail::machine().watching) [[unlikely]]
    count = detail::machine().adjust(site, model::SiteKind::MaskBits, count, count);
  return count >= 32 ? ~0u : (1u << count) - 1;
}
inline float kept_score(u32 keep, u32 bit, float score) { return (keep >> bit & 1) != 0 ? score : -std::numeric_limits<float>::infinity(); }

// --------------------------------------------------------------------------------------------------- what the compiler must not know

inline u32 opaque(u32 value) { return detail::machine().warp_exchange(Site{"opaque"}, model::WarpOperation::Opaque, value, 0); }

inline u32 same_in_warp(u32 value) { return detail::machine().warp_exchange(Site{"same_in_warp"}, model::WarpOperation::Opaque, value, 0); }

inline u32 kept(u32 value) { return value; }

enum class Pin : int { kNone, kSleep, kStore };
template <Pin kPin>
inline void pin(Site site, float sum) {
  detail::real(site, "pin", sum);
}

}  // namespace flexc::device
