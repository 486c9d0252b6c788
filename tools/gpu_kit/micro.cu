// Micro-tests of the primitives of templates/hopper/primitives.cuh: one small kernel for each group of them. The same text runs on the host model, which
// gives the expected words; a GPU has to give the same ones. Integers small enough that every sum is exact in f32, so order does not matter.
//
// `in` holds 4096 words; `a` is a bf16 tensor of 100 rows by 64 columns, `b` of 64 by 64, `c` (the output of TMA stores) of 100 by 64. `out` is compared.
// flexc_gpu_kit puts the primitives and the two products for MicroConfig before this text.

struct flexc_micro_arguments {
  flexc_tensor_map a_map, b_map, c_map;
  const unsigned* in;
  unsigned* out;
};

namespace flexc::device {

struct MicroConfig : Tile<Element::kBf16, 128, 64, 64, 64> {};

constexpr u32 kMicroBarrier = kSharedBase, kMicroA = kSharedBase + 1024, kMicroB = kMicroA + 8192, kMicroC = kMicroB + 8192, kMicroPanelWords = 64 * 32;

FLEXC_DEVICE void micro_barrier(u32 count) {
  if (thread_index() == 0) {
    mbarrier_init(SITE(micro_init), kMicroBarrier, count);
    mbarrier_init_fence(SITE(micro_init_fence));
  }
  block_sync(SITE(micro_init_sync));
}

/// Rows `a_row` and up of a, and all of b, in shared memory.
FLEXC_DEVICE void micro_load(const flexc_micro_arguments& arguments, i32 a_row) {
  micro_barrier(1);
  if (thread_index() == 0) {
    tma_prefetch_map(SITE(micro_prefetch), &arguments.a_map);
    mbarrier_arrive_expect_tx(SITE(micro_expect), kMicroBarrier, 2 * 8192);
    tma_load(SITE(micro_load_a), kMicroA, &arguments.a_map, kMicroBarrier, 0, a_row, 0, 0);
    tma_load(SITE(micro_load_b), kMicroB, &arguments.b_map, kMicroBarrier, 0, 0, 0, 0);
  }
  mbarrier_wait(SITE(micro_wait), kMicroBarrier, 0);
}

FLEXC_DEVICE u64 micro_descriptor(u32 address) { return make_descriptor(SITE(micro_descriptor), address, MicroConfig::kQkLeadingBytes, MicroConfig::kStrideBytes); }

}  // namespace flexc::device

using namespace flexc::device;

// Arithmetic that rounds once, and words: exact.
FLEXC_KERNEL(128) flexc_micro_numbers(FLEXC_ARGUMENT flexc_micro_arguments arguments) {
  const u32 t = thread_index();
  const float a = float_of(arguments.in[t]), b = float_of(arguments.in[128 + t]), c = float_of(arguments.in[256 + t]);
  const u32 word = arguments.in[384 + t];
  const u32 words[] = {bits_of(fma_rn(a, b, c)),
                       bits_of(div_rn(a, b)),
                       bits_of(sqrt_rn(a * a)),
                       bits_of(maximum(a, b)),
                       pack_pair<Element::kBf16>(a, b),
                       pack_pair<Element::kF16>(a, b),
                       low_bits(SITE(micro_bits), t % 40),
                       bits_of(kept_score(word, 0, a)),
                       bits_of(kept_score(word, 7, a)),
                       bits_of(kept_score(word, 15, a)),
                       bits_of(kept_score(word, 23, a)),
                       bits_of(kept_score(word, 31, a)),
                       bits_of(kept_score(word, t % 32, a)),
                       ring_stage(SITE(micro_stage), t),
                       ring_parity(SITE(micro_parity), t),
                       swizzled(SITE(micro_swizzled), t % 64, t % 8)};
  FLEXC_UNROLL
  for (u32 i = 0; i < 16; ++i) arguments.out[i * 128 + t] = words[i];
}

// The approximate units: compared as floats, within their documented errors.
FLEXC_KERNEL(128) flexc_micro_units(FLEXC_ARGUMENT flexc_micro_arguments arguments) {
  const u32 t = thread_index();
  const float a = float_of(arguments.in[t]), positive = a * a + 0.125f;
  arguments.out[t] = bits_of(ex2_approx(a));
  arguments.out[128 + t] = bits_of(lg2_approx(positive + 2.0f));
  arguments.out[256 + t] = bits_of(rcp_approx(positive));
  arguments.out[384 + t] = bits_of(sqrt_approx(positive));
  arguments.out[512 + t] = bits_of(rsqrt_approx(positive));
  arguments.out[640 + t] = bits_of(tanh_approx(a + 0.25f));
}

// Communication in a warp, pins, and a word that CTAs share.
FLEXC_KERNEL(128) flexc_micro_warp(FLEXC_ARGUMENT flexc_micro_arguments arguments) {
  const u32 t = thread_index(), word = arguments.in[384 + t];
  const i32 number = static_cast<i32>(word >> 8) - 0x800000;
  arguments.out[t] = shuffle_index(SITE(micro_index), word, t * 7 % 32);
  arguments.out[128 + t] = bits_of(shuffle_xor(SITE(micro_xor), float_of(arguments.in[t]), 5));
  arguments.out[256 + t] = static_cast<u32>(warp_any(SITE(micro_any), t == 70));
  arguments.out[384 + t] = static_cast<u32>(warp_minimum(SITE(micro_minimum), number));
  arguments.out[512 + t] = static_cast<u32>(warp_maximum(SITE(micro_maximum), number));
  arguments.out[640 + t] = opaque(word) + lane_index() + (block_index() + block_count()) * 1000;
  pin<Pin::kNone>(SITE(micro_pin_none), 1.0f);
  pin<Pin::kSleep>(SITE(micro_pin_sleep), 1.0f);
  pin<Pin::kStore>(SITE(micro_pin_store), 1.0f);
  atomic_add(SITE(micro_add), arguments.out + 768, t);
  if (t == 0) arguments.out[769] = shared_base();
  if (shared_base() != kSharedBase) unexpected_machine(SITE(micro_machine));
}

// Threads that wait for each other: block_sync, named barriers with arrivals, mbarriers over three phases, warp_sync.
FLEXC_KERNEL(128) flexc_micro_barriers(FLEXC_ARGUMENT flexc_micro_arguments arguments) {
  const u32 t = thread_index(), warp = t / 32, word = arguments.in[t];
  micro_barrier(4);
  shared_store(SITE(micro_store_all), kMicroA + t * 4, word);
  block_sync(SITE(micro_sync));
  arguments.out[t] = shared_load(SITE(micro_load_all), kMicroA + (127 - t) * 4);
  block_sync(SITE(micro_sync_again));
  // Warp 0 writes and goes on, warp 1 waits for it.
  if (warp == 0) {
    shared_store(SITE(micro_store_named), kMicroB + t * 4, word + 1);
    named_barrier_arrive(SITE(micro_arrive_named), 3, 64);
  } else if (warp == 1) {
    named_barrier_sync(SITE(micro_sync_named), 3, 64);
    arguments.out[128 + t - 32] = shared_load(SITE(micro_load_named), kMicroB + (t - 32) * 4);
  }
  // Each phase takes one arrival a warp, by either form.
  for (u32 phase = 0; phase < 3; ++phase) {
    shared_store(SITE(micro_store_phase), kMicroC + t * 4, word + phase);
    warp_sync(SITE(micro_warp_sync));
    if (phase == 1) {
      if (lane_index() == 0) mbarrier_arrive(SITE(micro_arrive), kMicroBarrier);
    } else {
      mbarrier_arrive_if(SITE(micro_arrive_if), kMicroBarrier, lane_index() == 0);
    }
    mbarrier_wait(SITE(micro_wait_phase), kMicroBarrier, phase & 1);
    arguments.out[256 + phase * 128 + t] = shared_load(SITE(micro_load_phase), kMicroC + (t ^ 96) * 4);
    block_sync(SITE(micro_sync_phase));
  }
}

// TMA: a box that reaches beyond the tensor comes with zeros, swizzled; one that is stored beyond it is cut off.
FLEXC_KERNEL(128) flexc_micro_tma(FLEXC_ARGUMENT flexc_micro_arguments arguments) {
  const u32 t = thread_index();
  micro_load(arguments, 60);
  for (u32 i = t; i < kMicroPanelWords; i += 128) {
    arguments.out[i] = shared_load(SITE(micro_dump_a), kMicroA + i * 4);
    arguments.out[kMicroPanelWords + i] = shared_load(SITE(micro_dump_b), kMicroB + i * 4);
    shared_store(SITE(micro_fill), kMicroC + i * 4, i * 65537u);
  }
  async_proxy_fence(SITE(micro_fence));
  block_sync(SITE(micro_stored));
  if (t == 0) {
    tma_store(SITE(micro_store), &arguments.c_map, kMicroC, 0, 70, 0, 0);
    tma_store_commit(SITE(micro_store_commit));
    tma_store_wait_read(SITE(micro_store_read));
    tma_store_wait(SITE(micro_store_done));
  }
}

// stmatrix at swizzled addresses.
FLEXC_KERNEL(128) flexc_micro_stmatrix(FLEXC_ARGUMENT flexc_micro_arguments arguments) {
  const u32 t = thread_index(), lane = lane_index();
  for (u32 i = t; i < kMicroPanelWords; i += 128) shared_store(SITE(micro_clear), kMicroA + i * 4, 0);
  block_sync(SITE(micro_cleared));
  const u32 row = t / 32 * 16 + lane % 16, chunk = lane / 16;
  stmatrix(SITE(micro_stmatrix), kMicroA + swizzled(SITE(micro_place), row, chunk), arguments.in[384 + t], arguments.in[512 + t], arguments.in[640 + t], arguments.in[768 + t]);
  block_sync(SITE(micro_written));
  for (u32 i = t; i < kMicroPanelWords; i += 128) arguments.out[i] = shared_load(SITE(micro_read), kMicroA + i * 4);
}

// S = Q K^T from shared memory, then O = P V with P in registers and V transposed; both in flight together, as in the kernel. O is scaled by rows.
FLEXC_KERNEL(128) flexc_micro_products(FLEXC_ARGUMENT flexc_micro_arguments arguments) {
  const u32 t = thread_index();
  micro_load(arguments, 10);
  float scores[MicroConfig::kScores], output[MicroConfig::kOutputs];
  u32 packed[MicroConfig::kPacked];
  declare_output<MicroConfig>();
  clear_output<MicroConfig>(output);
  FLEXC_UNROLL
  for (u32 i = 0; i < MicroConfig::kPacked; ++i) packed[i] = pack_pair<Element::kBf16>(static_cast<float>((t + i) % 5) - 2.0f, static_cast<float>((t * 3 + i) % 7) - 3.0f);
  wgmma_fence(SITE(micro_qk_fence));
  qk_gemm<MicroConfig>(SITE(micro_qk), scores, micro_descriptor(kMicroA), micro_descriptor(kMicroB));
  wgmma_commit(SITE(micro_qk_commit));
  wgmma_fence(SITE(micro_pv_fence));
  pv_gemm<MicroConfig>(SITE(micro_pv), output, packed, make_descriptor(SITE(micro_v), kMicroB, MicroConfig::kPvLeadingBytes, MicroConfig::kStrideBytes));
  wgmma_commit(SITE(micro_pv_commit));
  wgmma_wait<1>(SITE(micro_qk_wait), scores);
  FLEXC_UNROLL
  for (u32 i = 0; i < MicroConfig::kScores; ++i) arguments.out[i * 128 + t] = bits_of(scores[i]);
  wgmma_wait_output<0>(SITE(micro_pv_wait), output);
  scale_output<MicroConfig>(2.0f, -0.5f, output);
  store_output<MicroConfig>(arguments.out + 4096 + (t / 32 * (MicroConfig::kOutputs / 4) * 32 + t % 32) * 4, output);
  u32 words[MicroConfig::kOutputs / 2];
  pack_output<MicroConfig>(0.75f, 3.0f, ~0u, 0xffff00ffu, output, words);
  FLEXC_UNROLL
  for (u32 i = 0; i < MicroConfig::kOutputs / 2; ++i) arguments.out[8192 + i * 128 + t] = words[i];
}

// setmaxnreg: what the kernel asks for fits into the CTA's pool.
FLEXC_KERNEL(384) flexc_micro_registers(FLEXC_ARGUMENT flexc_micro_arguments arguments) {
  const u32 t = thread_index();
  if (t < 128) lower_registers<MicroConfig::kProducerRegisters>(SITE(micro_lower));
  else raise_registers<MicroConfig::kConsumerRegisters>(SITE(micro_raise));
  arguments.out[t] = t + 1;
}
