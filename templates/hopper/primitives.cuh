// The machine, as the Hopper kernel sees it. Everything that is PTX or a CUDA builtin is a named primitive of this header; the kernel itself
// (forward.cuh and the files that it includes) and the emitted hooks contain neither. The host model (templates/model) supplies a second header with
// the same names, and the same kernel text runs there.
//
// Sites. A primitive that orders, moves or shares something takes a *site* as its first argument, written SITE(name): a name for that place in the
// kernel. On the device it is an empty object and costs nothing; in the model it identifies the call, so that one call can be left out or falsified
// while the program runs. Names are unique in a kernel. Pure functions of their arguments have no site.
//
// Addresses of shared memory are 32-bit numbers (u32) in the shared window, never pointers.
#pragma once
#include "templates/hopper/tile.h"

#define FLEXC_DEVICE __device__ __forceinline__
#define FLEXC_CONSTANT static constexpr
#define FLEXC_KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads, 1)
#define FLEXC_ARGUMENT const __grid_constant__  // of a kernel's by-value argument: it stays in constant memory, and TMA can take its address
#define FLEXC_UNROLL _Pragma("unroll")
#define FLEXC_NO_UNROLL _Pragma("unroll 1")

namespace flexc::device {

using i32 = int;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

struct Site {};
#define SITE(name) (::flexc::device::Site{})

// ------------------------------------------------------------------------------------------------------------------ coordinates

/// The thread's number in its CTA.
FLEXC_DEVICE u32 thread_index() { return threadIdx.x; }
/// The thread's number in its warp, 0 to 31.
FLEXC_DEVICE u32 lane_index() { return threadIdx.x & 31; }
/// The CTA's number, and how many were launched.
FLEXC_DEVICE u32 block_index() { return blockIdx.x; }
FLEXC_DEVICE u32 block_count() { return gridDim.x; }

// ------------------------------------------------------------------------------------------------------- communication in a warp

/// `value` of lane `lane`. Called by all 32 lanes together. With a constant lane the compiler knows the result to be the same in the warp.
FLEXC_DEVICE u32 shuffle_index(Site, u32 value, u32 lane) { return __shfl_sync(0xffffffffu, value, lane); }
FLEXC_DEVICE float shuffle_xor(Site, float value, u32 mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
/// True where any lane's `predicate` is. Called by all 32 lanes together.
FLEXC_DEVICE bool warp_any(Site, bool predicate) { return __any_sync(0xffffffffu, predicate); }
/// The least and the largest `value` of the warp. Called by all 32 lanes together.
FLEXC_DEVICE i32 warp_minimum(Site, i32 value) { return __reduce_min_sync(0xffffffffu, value); }
FLEXC_DEVICE i32 warp_maximum(Site, i32 value) { return __reduce_max_sync(0xffffffffu, value); }
/// All 32 lanes wait for each other; what they wrote to memory before is seen by the others after.
FLEXC_DEVICE void warp_sync(Site) { __syncwarp(); }

// ------------------------------------------------------------------------------------------------------------- barriers of threads

/// All threads of the CTA wait for each other. Orders memory among them (generic proxy).
FLEXC_DEVICE void block_sync(Site) { __syncthreads(); }
/// Named barrier `id` (1 to 15; 0 is block_sync's): wait until `threads` threads have called sync or arrive on it. Whole warps call it together.
/// Orders the callers' memory accesses before it (generic proxy) against those after it of all that sync.
FLEXC_DEVICE void named_barrier_sync(Site, u32 id, u32 threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
/// Counts the calling warp in without waiting.
FLEXC_DEVICE void named_barrier_arrive(Site, u32 id, u32 threads) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory"); }

// ------------------------------------------------------------------------------------------------------------------- mbarriers
// An mbarrier is 8 bytes of shared memory. Its phase completes when `count` arrivals have come and as many bytes as were announced.

/// One thread initialises it, before anyone uses it.
FLEXC_DEVICE void mbarrier_init(Site, u32 barrier, u32 count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");
}
/// After the inits and before block_sync, by the thread that made them: makes them visible to the other threads and to TMA (async proxy).
FLEXC_DEVICE void mbarrier_init_fence(Site) { asm volatile("fence.mbarrier_init.release.cluster;\n\tfence.proxy.async.shared::cta;" ::: "memory"); }
/// One arrival; release: what the thread did before it is seen by whoever sees the phase complete.
FLEXC_DEVICE void mbarrier_arrive(Site, u32 barrier) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory"); }
/// The same for the lanes whose `predicate` holds, as a predicated instruction: no branch, so that the loop around it stays uniform.
FLEXC_DEVICE void mbarrier_arrive_if(Site, u32 barrier, bool predicate) {
  asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.u32 p, %1, 0;\n\t@p mbarrier.arrive.shared::cta.b64 _, [%0];\n\t}" ::"r"(barrier),
               "r"(static_cast<u32>(predicate))
               : "memory");
}
/// One arrival that announces `bytes` more to come from TMA in this phase. Before the loads that bring them.
FLEXC_DEVICE void mbarrier_arrive_expect_tx(Site, u32 barrier, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
/// Waits until the phase of parity `parity` has completed; acquire. The first phase has parity 0; waiting for parity 1 on a fresh barrier returns
/// at once. What TMA wrote under this phase may then be read by the thread (generic proxy) and by wgmma (async proxy).
FLEXC_DEVICE void mbarrier_wait(Site, u32 barrier, u32 parity) {
  asm volatile(
      "{\n\t.reg .pred done;\n\tretry:\n\tmbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n\t@done bra finished;\n\tbra retry;\n\t"
      "finished:\n\t}" ::"r"(barrier),
      "r"(parity)
      : "memory");
}

// A ring of kStages buffers, used in turn: the buffer of use number `it`, and the parity of its phase. The consumer waits for `ring_parity(it)` of
// the "full" barrier, the producer for `ring_parity(it) ^ 1` of the "empty" one.
FLEXC_DEVICE u32 ring_stage(Site, u32 it) { return it & 1; }
FLEXC_DEVICE u32 ring_parity(Site, u32 it) { return it >> 1 & 1; }
static_assert(kStages == 2, "ring_stage and ring_parity are written for two stages");

// ------------------------------------------------------------------------------------------------------------------------- TMA

/// Fetches a tensor map into the cache of maps. A hint.
FLEXC_DEVICE void tma_prefetch_map(Site, const void* map) { asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory"); }
/// One thread starts the copy of the map's box at (column, row, head, batch) to shared memory at `to` (1024-byte aligned, swizzled as the map says;
/// what lies outside of the tensor arrives as zeros, counted as bytes too). Completes on `barrier`.
FLEXC_DEVICE void tma_load(Site, u32 to, const void* map, u32 barrier, i32 column, i32 row, i32 head, i32 batch) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(to), "l"(map),
               "r"(barrier), "r"(column), "r"(row), "r"(head), "r"(batch)
               : "memory");
}
/// One thread starts the copy of a box from shared memory to the tensor; what lies outside of it is not written. Before it: async_proxy_fence by
/// every thread that wrote the box, then a barrier among them.
FLEXC_DEVICE void tma_store(Site, const void* map, u32 from, i32 column, i32 row, i32 head, i32 batch) {
  asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(map), "r"(from), "r"(column), "r"(row),
               "r"(head), "r"(batch)
               : "memory");
}
/// Closes the thread's group of stores.
FLEXC_DEVICE void tma_store_commit(Site) { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
/// Waits until the thread's committed stores have read their shared memory, which may then be written again.
FLEXC_DEVICE void tma_store_wait_read(Site) { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }
/// Waits until they are complete. Before the thread exits.
FLEXC_DEVICE void tma_store_wait(Site) { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }
/// Makes the thread's own writes to shared memory (generic proxy) visible to TMA and wgmma (async proxy), once a barrier has passed them on.
FLEXC_DEVICE void async_proxy_fence(Site) { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// ------------------------------------------------------------------------------------------------------------------------ wgmma
// Called by the four warps of a warpgroup together, converged. A product is started by qk_gemm or pv_gemm and runs while the threads go on; its
// accumulator (and P, its operand in registers) belong to it until wgmma_wait.

/// The descriptor of an operand in shared memory with 128-byte swizzle: where it starts (1024-byte aligned, or a row of a panel that is a multiple of
/// 8), the stride between groups of 8 rows, and the leading stride, all in bytes (tile.h).
FLEXC_DEVICE u64 make_descriptor(Site, u32 address, u32 leading_bytes, u32 stride_bytes) {
  return (address >> 4 & 0x3fff) | static_cast<u64>(leading_bytes >> 4 & 0x3fff) << 16 | static_cast<u64>(stride_bytes >> 4 & 0x3fff) << 32 |
         1ull << 62;
}
/// `descriptor`, moved on by `count` times `bytes`. In asm, because the compiler would make a shift and two additions of one instruction (UIMAD.WIDE).
FLEXC_DEVICE u64 moved_descriptor(u64 descriptor, u32 count, u32 bytes) {
  asm("mad.wide.u32 %0, %1, %2, %0;" : "+l"(descriptor) : "r"(count), "r"(bytes / 16));
  return descriptor;
}
/// Orders the registers that the warpgroup wrote (accumulators, P) before the products that follow. Before the first product, and whenever such a
/// register was written since; after the mbarrier_wait for the product's operands, not before it (ptxas serialises otherwise: C7519).
FLEXC_DEVICE void wgmma_fence(Site) { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
/// Closes the group of products started since the last commit.
FLEXC_DEVICE void wgmma_commit(Site) { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
/// Waits until at most kPending of the warpgroup's latest groups are unfinished. `accumulator` is one that a finished group computed: it may be used
/// after this. The empty asm statements keep the compiler from moving its uses up.
template <int kPending, unsigned kCount>
FLEXC_DEVICE void wgmma_wait(Site, float (&accumulator)[kCount]) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
  FLEXC_UNROLL
  for (unsigned i = 0; i < kCount; ++i) asm volatile("" : "+f"(accumulator[i])::"memory");
}

/// The same where what a finished group computed is the output, which stays where it is.
template <int kPending, unsigned kCount>
FLEXC_DEVICE void wgmma_wait_output(Site, float (&)[kCount]) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// scores = Q K^T for the warpgroup's 64 rows and the tile's N keys, in Config's shapes and steps (tile.h): Config::kQkSteps wgmma of m64 n(N) k16,
/// the first of which overwrites the scores. `q` and `k` are the descriptors of the first steps' operands. Asynchronous: fence before, commit after.
/// Element i of the scores of thread t (of 128) is row 16 * (t / 32) + t % 32 / 4 + 8 * (i / 2 % 2), column 8 * (i / 4) + 2 * (t % 4) + i % 2.
///
/// The definitions of both products are one asm statement each, printed by compiler/emit/cuda/gemm_source.h for the one Config of a translation unit, and
/// so are those of what is done with the output.
template <class Config>
FLEXC_DEVICE void qk_gemm(Site, float (&scores)[Config::kScores], u64 q, u64 k);

/// output += P V: Config::kPvSteps wgmma of m64 n(DV) k16. P is in registers, in the order in which pack_pair packs neighbouring scores
/// (packed[i] = elements 2i and 2i + 1), which is the layout of an A operand; `v` is the descriptor of the tile of V.
template <class Config>
FLEXC_DEVICE void pv_gemm(Site, float (&output)[Config::kOutputs], const u32 (&packed)[Config::kPacked], u64 v);

// The output accumulates in registers that the asm statements name themselves and the optimiser never sees: 64 values carried around a loop and through
// two statements were a sixteenth of what a kernel takes to compile. `output` is their place on the host model; on a GPU nothing is ever in it.

/// Declares the registers. Once in a kernel, before all else that has to do with the output.
template <class Config>
FLEXC_DEVICE void declare_output();
/// output = 0.
template <class Config>
FLEXC_DEVICE void clear_output(float (&output)[Config::kOutputs]);
/// Multiplies the elements of the thread's first row by `first`, those of the second by `second`.
template <class Config>
FLEXC_DEVICE void scale_output(float first, float second, float (&output)[Config::kOutputs]);
/// The output in its 16-bit type, after the wait for the last product: word i is elements 2i and 2i + 1 times their row's factor, packed as pack_pair does
/// it, and cut to the row's `keep`.
template <class Config>
FLEXC_DEVICE void pack_output(float first, float second, u32 keep_first, u32 keep_second, const float (&output)[Config::kOutputs], u32 (&words)[Config::kOutputs / 2]);
/// Writes the elements as they are, after that wait, to global memory: four at a time, the first at `to`, of which lanes have neighbouring ones, the next
/// kWarpQuadBytes further on.
template <class Config>
FLEXC_DEVICE void store_output(void* to, const float (&output)[Config::kOutputs]);

/// Moves the warpgroup's share of registers, up or down; all of its warps call it together. Up waits until the CTA's pool has them.
template <u32 kRegisters>
FLEXC_DEVICE void raise_registers(Site) {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <u32 kRegisters>
FLEXC_DEVICE void lower_registers(Site) {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// ----------------------------------------------------------------------------------------------------------------- shared memory

/// Ends the launch with an error: the machine is not what the kernel was compiled for.
FLEXC_DEVICE void unexpected_machine(Site) { asm volatile("trap;"); }
/// The address at which dynamic shared memory begins. The kernel is compiled for kSharedBase and checks it.
FLEXC_DEVICE u32 shared_base() {
  extern __shared__ unsigned char dynamic_shared_memory[];
  return static_cast<u32>(__cvta_generic_to_shared(dynamic_shared_memory));
}
FLEXC_DEVICE u32 shared_load(Site, u32 address) {
  u32 value;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(value) : "r"(address));
  return value;
}
/// Four neighbouring floats, at a multiple of 16 bytes.
struct Four {
  float value[4];
};
FLEXC_DEVICE Four shared_load_four(Site, u32 address) {
  Four four;
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(four.value[0]), "=f"(four.value[1]), "=f"(four.value[2]), "=f"(four.value[3]) : "r"(address));
  return four;
}
FLEXC_DEVICE void shared_store(Site, u32 address, u32 value) { asm volatile("st.shared.u32 [%0], %1;" ::"r"(address), "r"(value) : "memory"); }
/// Where the 16-byte chunk `chunk` (0 to 7) of row `row` of a panel lies, in bytes from the panel's start: the 128-byte swizzle.
FLEXC_DEVICE u32 swizzled(Site, u32 row, u32 chunk) { return row * kPanelRowBytes + ((chunk ^ (row & 7)) << 4); }
/// Stores four 8x8 matrices of 2-byte elements. Lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned); in register i it holds the
/// elements 2 * (l % 4) and the next of row l / 4 of matrix i. Called by the warp together.
FLEXC_DEVICE void stmatrix(Site, u32 address, u32 a, u32 b, u32 c, u32 d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
}

// ----------------------------------------------------------------------------------------------------------------- global memory

/// Adds to a word of global memory that CTAs share, and returns what it held. Relaxed.
FLEXC_DEVICE u32 atomic_add(Site, u32* address, u32 value) { return atomicAdd(address, value); }

// ---------------------------------------------------------------------------------------------------------------------- numbers
// Compiled without contraction (-fmad=false) and with subnormals: + - * and div_rn, sqrt_rn round once; fma_rn is the only fused one.

FLEXC_DEVICE u32 bits_of(float value) { return __float_as_uint(value); }
FLEXC_DEVICE float float_of(u32 bits) { return __uint_as_float(bits); }
FLEXC_DEVICE float fma_rn(float a, float b, float c) { return __fmaf_rn(a, b, c); }
FLEXC_DEVICE float div_rn(float a, float b) { return __fdiv_rn(a, b); }
FLEXC_DEVICE float sqrt_rn(float a) { return __fsqrt_rn(a); }
/// IEEE maxNum: the other one where one is NaN.
FLEXC_DEVICE float maximum(float a, float b) { return fmaxf(a, b); }

// The approximate units, flushing subnormals. Errors as PTX documents them: ex2 and lg2 2 ulp (lg2 absolute 2^-22 in (0.5, 2)), rcp 1 ulp, sqrt and
// rsqrt 2^-22.9 relative, tanh 2^-11 relative.
#define FLEXC_APPROXIMATE(name, instruction)        \
  FLEXC_DEVICE float name(float x) {                \
    float y;                                        \
    asm(instruction " %0, %1;" : "=f"(y) : "f"(x)); \
    return y;                                       \
  }
FLEXC_APPROXIMATE(ex2_approx, "ex2.approx.ftz.f32")
FLEXC_APPROXIMATE(lg2_approx, "lg2.approx.ftz.f32")
FLEXC_APPROXIMATE(rcp_approx, "rcp.approx.ftz.f32")
FLEXC_APPROXIMATE(sqrt_approx, "sqrt.approx.ftz.f32")
FLEXC_APPROXIMATE(rsqrt_approx, "rsqrt.approx.ftz.f32")
FLEXC_APPROXIMATE(tanh_approx, "tanh.approx.f32")
#undef FLEXC_APPROXIMATE

/// Two floats rounded to nearest even and packed, `low` in the lower half.
template <Element kElement>
FLEXC_DEVICE u32 pack_pair(float low, float high) {
  u32 packed;
  if constexpr (kElement == Element::kBf16) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  } else {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  }
  return packed;
}

/// `found` where both halves of `word`, packed as above, are finite; else NaN in a half, which is not 0. Begins with 0, which it stays for finite words.
template <Element kElement>
FLEXC_DEVICE u32 add_nonfinite(u32 found, u32 word) {
  u32 now;
  if constexpr (kElement == Element::kBf16) {
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(now) : "r"(word), "r"(0), "r"(found));
  } else {
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(now) : "r"(word), "r"(0), "r"(found));
  }
  return now;
}

/// A word whose lowest `count` bits are set: none for count = 0, all for count >= 32. `count` is not negative.
FLEXC_DEVICE u32 low_bits(Site, u32 count) {
  u32 word;
  asm("bmsk.clamp.b32 %0, 0, %1;" : "=r"(word) : "r"(count));
  return word;
}
/// `score` where bit `bit` of `keep` is set, else -inf. In asm, because the compiler would write the tests of bits 0, 15 and 31 in ways of their own: as it is,
/// ptxas turns seven of a byte's bits into predicates at a time (R2P), which makes 8 instructions for 32 bits.
FLEXC_DEVICE float kept_score(u32 keep, u32 bit, float score) {
  asm("{\n\t.reg .pred kept;\n\t.reg .b32 own;\n\tand.b32 own, %1, %2;\n\tsetp.ne.u32 kept, own, 0;\n\tselp.f32 %0, %0, 0fFF800000, kept;\n\t}"
      : "+f"(score)
      : "r"(keep), "r"(1u << bit));
  return score;
}

// --------------------------------------------------------------------------------------------------- what the compiler must not know

/// `value`, behind the compiler's back: it cannot recompute it elsewhere. Called by all 32 lanes together.
FLEXC_DEVICE u32 opaque(u32 value) {
  asm volatile("shfl.sync.idx.b32 %0, %0, %1, 31, 0xffffffff;" : "+r"(value) : "r"(lane_index()));
  return value;
}

/// The same for a `value` that all lanes have, which stays known to be the same in the warp: a register of the uniform datapath that is never computed again, as
/// what comes from constants or a kernel's arguments is. Called by all 32 lanes together.
FLEXC_DEVICE u32 same_in_warp(u32 value) {
  asm volatile("redux.sync.max.u32 %0, %0, 0xffffffff;" : "+r"(value));
  return value;
}

/// `value`, which the compiler keeps instead of computing it again at each use. Takes no instruction.
FLEXC_DEVICE u32 kept(u32 value) {
  asm volatile("" : "+r"(value));
  return value;
}

// Pins. ptxas moves the exponentials below the wait for PV, where they overlap with nothing. An instruction that depends on all of them (through the
// row sums) and has an effect that never happens holds them above. Which form is best only a GPU can say (docs/gpu_questions.md).
enum class Pin : int { kNone, kSleep, kStore };

/// `sum` is a row sum of exponentials, so never negative. Has no effect.
template <Pin kPin>
FLEXC_DEVICE void pin(Site, float sum) {
  if constexpr (kPin == Pin::kSleep) {
    asm volatile("{\n\t.reg .pred never;\n\tsetp.lt.f32 never, %0, 0fBF800000;\n\t@never nanosleep.u32 20;\n\t}" ::"f"(sum) : "memory");
  } else if constexpr (kPin == Pin::kStore) {
    asm volatile("{\n\t.reg .pred never;\n\tsetp.lt.f32 never, %0, 0fBF800000;\n\t@never st.volatile.shared.f32 [%1], %0;\n\t}" ::"f"(sum),
                 "r"(kSharedBase + kControlSpare)
                 : "memory");
  }
}

}  // namespace flexc::device
