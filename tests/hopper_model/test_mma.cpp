// One warpgroup: TMA brings Q, K and V, then S = Q K^T, P = S as bf16, O = P V; and the same with one thing wrong.
#include "program.h"

using namespace hopper_model;

namespace {

// What qk_gemm and pv_gemm want to know: one warpgroup, 64 rows, N keys, D = 128, DV = 64.
template <Element kElementType, unsigned kKeys>
struct Small {
  static constexpr Element kElement = kElementType;
  static constexpr unsigned kN = kKeys, kD = 128, kDV = 64;
  static constexpr unsigned kScores = kN / 2, kOutputs = kDV / 2, kPacked = kN / 4;
  static constexpr unsigned kQkSteps = kD / 16, kPvSteps = kN / 16;
  static constexpr unsigned kQPanelBytes = 64 * 128, kKvPanelBytes = kN * 128;
  static constexpr unsigned kQ = 1024, kK = kQ + 2 * kQPanelBytes, kV = kK + 2 * kKvPanelBytes, kEnd = kV + kKvPanelBytes;  // offsets
};

enum class Wrong {
  Nothing,
  NoFence,
  NoSecondFence,
  NoCommit,
  WaitLax,
  UseBeforeWait,
  ReadBeforeWait,
  WriteInFlight,
  ChangeP,
  OneThreadSkips,
  ThreadsDiffer,
  NoFullWait,
  OneThreadWaits,
  Outside,
  ReservedBit,
  OrdinaryWrite,
  OrdinaryWriteFenced,
  OverwriteRunning,
  NeverWaits,
};

template <class Config>
struct Products {
  model::TensorMap q_map, k_map, v_map;
  float *scores_out, *output_out;  // [64][N], [64][DV]
  Wrong wrong = Wrong::Nothing;

  void operator()() const {
    const u32 barrier = kSharedBase, t = thread_index();
    if (t == 0) {
      mbarrier_init(SITE(init), barrier, 1);
      mbarrier_init_fence(SITE(init_fence));
    }
    block_sync(SITE(init_sync));
    if (t == 0) {
      mbarrier_arrive_expect_tx(SITE(expect), barrier, 2 * Config::kQPanelBytes + 3 * Config::kKvPanelBytes);
      for (u32 panel = 0; panel < 2; ++panel) {
        const auto column = static_cast<i32>(64 * panel);
        tma_load(SITE(load_q), kSharedBase + Config::kQ + panel * Config::kQPanelBytes, &q_map, barrier, column, 0, 0, 0);
        tma_load(SITE(load_k), kSharedBase + Config::kK + panel * Config::kKvPanelBytes, &k_map, barrier, column, 0, 0, 0);
      }
      tma_load(SITE(load_v), kSharedBase + Config::kV, &v_map, barrier, 0, 0, 0, 0);
    }
    if (wrong == Wrong::OneThreadWaits ? t == 0 : wrong != Wrong::NoFullWait) mbarrier_wait(SITE(wait_full), barrier, 0);

    float scores[Config::kScores] = {}, output[Config::kOutputs] = {};
    u32 packed[Config::kPacked] = {};
    u64 q = make_descriptor(SITE(q), kSharedBase + Config::kQ, 16, 1024);
    if (wrong == Wrong::ThreadsDiffer && t == 77) q += 2;
    if (wrong == Wrong::ReservedBit) q |= 1ull << 14;
    u64 k = make_descriptor(SITE(k), kSharedBase + Config::kK, 16, 1024);
    if (wrong == Wrong::Outside) k += (Config::kEnd - Config::kK) / 16;
    if (wrong == Wrong::OrdinaryWrite || wrong == Wrong::OrdinaryWriteFenced) {
      if (t == 5) {
        shared_store(SITE(ordinary_write), kSharedBase + Config::kQ, 0x3f803f80);
        if (wrong == Wrong::OrdinaryWriteFenced) async_proxy_fence(SITE(proxy_fence));
      }
      block_sync(SITE(after_write));
    }

    if (wrong != Wrong::NoFence) wgmma_fence(SITE(qk_fence));
    if (wrong != Wrong::OneThreadSkips || t != 19) qk_gemm<Config>(SITE(qk), scores, q, k);
    if (wrong != Wrong::NoCommit) wgmma_commit(SITE(qk_commit));
    if (wrong == Wrong::NeverWaits) return;
    if (wrong == Wrong::WriteInFlight && t == 3) scores[2] = 1.0f;
    if (wrong == Wrong::OverwriteRunning && t == 3) shared_store(SITE(overwrite), kSharedBase + Config::kK, 0);
    float early = 0;
    if (wrong == Wrong::ReadBeforeWait) early = scores[1];
    if (wrong == Wrong::UseBeforeWait) early = ex2_approx(scores[1]);
    if (wrong == Wrong::WaitLax) {
      wgmma_wait<1>(SITE(qk_wait), scores);
    } else {
      wgmma_wait<0>(SITE(qk_wait), scores);
    }
    for (u32 i = 0; i < Config::kScores; ++i) {
      const auto at = model::accumulator_element(static_cast<int>(t), static_cast<int>(i));
      scores_out[static_cast<u32>(at.row) * Config::kN + static_cast<u32>(at.column)] = scores[i];
    }
    for (u32 i = 0; i < Config::kPacked; ++i) packed[i] = pack_pair<Config::kElement>(scores[2 * i] + early, scores[2 * i + 1]);

    const u64 v = make_descriptor(SITE(v), kSharedBase + Config::kV, Config::kKvPanelBytes, 1024);
    if (wrong != Wrong::NoSecondFence) wgmma_fence(SITE(pv_fence));
    pv_gemm<Config>(SITE(pv), output, packed, v);
    wgmma_commit(SITE(pv_commit));
    if (wrong == Wrong::ChangeP && t == 100) packed[3] = 0;
    wgmma_wait<0>(SITE(pv_wait), output);
    for (u32 i = 0; i < Config::kOutputs; ++i) {
      const auto at = model::accumulator_element(static_cast<int>(t), static_cast<int>(i));
      output_out[static_cast<u32>(at.row) * Config::kDV + static_cast<u32>(at.column)] = output[i];
    }
    if (packed[0] == 1) shared_load(SITE(keep_packed), kSharedBase);  // packed stays in memory until here
  }
};

template <class Config>
struct Fixture {
  static uint16_t half(float x) { return Config::kElement == Element::kBf16 ? model::f32_to_bf16(x) : model::f32_to_f16(x); }
  static float full(uint16_t x) { return Config::kElement == Element::kBf16 ? model::bf16_to_f32(x) : model::f16_to_f32(x); }

  std::vector<uint16_t> q = fill(64 * 128, 7), k = fill(Config::kN * 128, 3), v = fill(Config::kN * 64, 9);
  std::vector<float> scores = std::vector<float>(64 * Config::kN), output = std::vector<float>(64 * Config::kDV);
  LaunchOptions options;
  Products<Config> program;

  // Small integers, different in rows and columns: sums are exact in any order.
  static std::vector<uint16_t> fill(size_t count, unsigned step) {
    std::vector<uint16_t> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = half(static_cast<float>(static_cast<int>((i * step + i / 64 * 11 + i / 128) % 5) - 2));
    return values;
  }
  Fixture() {
    options.threads = 128;
    options.shared_bytes = Config::kEnd;
    program.q_map = matrix_map(q.data(), 64, 128, 64);
    program.k_map = matrix_map(k.data(), Config::kN, 128, Config::kN);
    program.v_map = matrix_map(v.data(), Config::kN, 64, Config::kN);
    program.scores_out = scores.data();
    program.output_out = output.data();
  }
  void check() const {
    std::vector<float> s(64 * Config::kN);
    for (u32 row = 0; row < 64; ++row) {
      for (u32 key = 0; key < Config::kN; ++key) {
        float sum = 0;
        for (u32 d = 0; d < 128; ++d) sum += full(q[row * 128 + d]) * full(k[key * 128 + d]);
        s[row * Config::kN + key] = sum;
      }
    }
    REQUIRE(scores == s);
    for (u32 row = 0; row < 64; ++row) {
      for (u32 column = 0; column < Config::kDV; ++column) {
        float sum = 0;
        for (u32 key = 0; key < Config::kN; ++key) sum += full(half(s[row * Config::kN + key])) * full(v[key * 64 + column]);
        REQUIRE(output[row * Config::kDV + column] == sum);
      }
    }
  }
  Products<Config> with(Wrong wrong) const {
    Products<Config> other = program;
    other.wrong = wrong;
    return other;
  }
};

using Bf16 = Small<Element::kBf16, 64>;

}  // namespace

TEST_CASE("wgmma: both products, bf16, from swizzled shared memory and from registers") {
  Fixture<Bf16> f;
  runs_clean(f.options, f.program, [&] {
    f.check();
    std::fill(f.scores.begin(), f.scores.end(), 0.0f);
    std::fill(f.output.begin(), f.output.end(), 0.0f);
  });
}

TEST_CASE("wgmma: f16, and widths that are no power of two") {
  Fixture<Small<Element::kF16, 176>> f;
  runs_clean(f.options, f.program, [&] { f.check(); }, 3);
  Fixture<Small<Element::kBf16, 16>> narrow;
  runs_clean(narrow.options, narrow.program, [&] { narrow.check(); }, 3);
}

TEST_CASE("wgmma: planted faults are found") {
  Fixture<Bf16> f;
  const auto caught = [&](Wrong wrong, std::initializer_list<Fault> faults) { is_caught(f.options, f.with(wrong), faults); };
  SECTION("no fence before the first product") { caught(Wrong::NoFence, {Fault::RegisterFence}); }
  SECTION("no commit") { caught(Wrong::NoCommit, {Fault::InFlight}); }
  SECTION("a wait that leaves the group running") { caught(Wrong::WaitLax, {Fault::InFlight}); }
  SECTION("an accumulator used before the wait") { caught(Wrong::UseBeforeWait, {Fault::Poison}); }
  SECTION("an accumulator read before the wait") { caught(Wrong::ReadBeforeWait, {Fault::Poison}); }
  SECTION("an accumulator written before the wait") { caught(Wrong::WriteInFlight, {Fault::InFlight}); }
  SECTION("operand registers written before the wait") { caught(Wrong::ChangeP, {Fault::InFlight}); }
  SECTION("a thread that takes no part") { caught(Wrong::OneThreadSkips, {Fault::Convergence}); }
  SECTION("descriptors that differ between threads") { caught(Wrong::ThreadsDiffer, {Fault::Descriptor}); }
  SECTION("nobody waits for the operands") { caught(Wrong::NoFullWait, {Fault::Race, Fault::Uninitialised}); }
  SECTION("one thread waits for the operands, and nothing passes it on") { caught(Wrong::OneThreadWaits, {Fault::Race, Fault::Uninitialised}); }
  SECTION("operands outside of shared memory") { caught(Wrong::Outside, {Fault::Bounds}); }
  SECTION("a reserved bit of a descriptor") { caught(Wrong::ReservedBit, {Fault::Descriptor}); }
  SECTION("an ordinary write to an operand without a proxy fence") { caught(Wrong::OrdinaryWrite, {Fault::ProxyFence}); }
  SECTION("an operand overwritten while the product runs") { caught(Wrong::OverwriteRunning, {Fault::Race}); }
  SECTION("the CTA ends while a product runs") { caught(Wrong::NeverWaits, {Fault::Pending}); }
}

TEST_CASE("wgmma: an ordinary write with a proxy fence and a barrier is fine") {
  Fixture<Bf16> f;
  runs_clean(f.options, f.with(Wrong::OrdinaryWriteFenced), [] {}, 20);
}

namespace {

// An accumulator in a loop: O += P V again and again, O halved in between, with fences as the rules ask for them.
enum class Loop { Nothing, NoFence, FenceTooEarly, PAfterFence, KeepRunning };
struct Repeated {
  model::TensorMap v_map;
  float* output_out;
  Loop loop = Loop::Nothing;

  void operator()() const {
    const u32 barrier = kSharedBase, t = thread_index();
    if (t == 0) {
      mbarrier_init(SITE(init), barrier, 1);
      mbarrier_init_fence(SITE(init_fence));
      mbarrier_arrive_expect_tx(SITE(expect), barrier, Bf16::kKvPanelBytes);
      tma_load(SITE(load_v), kSharedBase + 1024, &v_map, barrier, 0, 0, 0, 0);
    }
    block_sync(SITE(init_sync));
    mbarrier_wait(SITE(wait_full), barrier, 0);
    float output[Bf16::kOutputs] = {};
    u32 packed[Bf16::kPacked] = {};
    const u64 v = make_descriptor(SITE(v), kSharedBase + 1024, Bf16::kKvPanelBytes, 1024);
    for (u32 round = 0; round < 3; ++round) {
      if (loop == Loop::FenceTooEarly) wgmma_fence(SITE(fence));
      for (float& value : output) value *= 0.5f;
      const float p = static_cast<float>(round + 1);
      if (loop != Loop::PAfterFence) fill(packed, p);
      if (loop != Loop::FenceTooEarly && (loop != Loop::NoFence || round == 0)) wgmma_fence(SITE(fence));
      if (loop == Loop::PAfterFence) fill(packed, p);
      pv_gemm<Bf16>(SITE(pv), output, packed, v);
      // The same accumulator again without a wait in between: PTX orders that by itself.
      if (loop == Loop::KeepRunning) pv_gemm<Bf16>(SITE(pv_again), output, packed, v);
      wgmma_commit(SITE(pv_commit));
      wgmma_wait<0>(SITE(pv_wait), output);
    }
    for (u32 i = 0; i < Bf16::kOutputs; ++i) output_out[t * Bf16::kOutputs + i] = output[i];
  }
  static void fill(u32 (&packed)[Bf16::kPacked], float p) {
    for (u32& pair : packed) pair = pack_pair<Element::kBf16>(p, p);
    // Not to be folded into the loop over the products.
    asm volatile("" : : "r"(packed) : "memory");
  }
};

}  // namespace

TEST_CASE("wgmma: accumulators and operand registers that are written between products need a fence") {
  std::vector<uint16_t> v(64 * 64, model::f32_to_bf16(1.0f));
  std::vector<float> output(128 * Bf16::kOutputs);
  Repeated program{matrix_map(v.data(), 64, 64, 64), output.data()};
  LaunchOptions options;
  options.threads = 128;
  options.shared_bytes = 1024 + Bf16::kKvPanelBytes;
  // ((1 / 2 + 2) / 2 + 3) * 64 keys
  runs_clean(options, program, [&] { REQUIRE((output[0] == 272.0f && output.back() == 272.0f)); }, 50);
  program.loop = Loop::KeepRunning;
  runs_clean(options, program, [&] { REQUIRE(output[0] == 544.0f); }, 20);
  for (Loop wrong : {Loop::NoFence, Loop::FenceTooEarly, Loop::PAfterFence}) {
    program.loop = wrong;
    is_caught(options, program, {Fault::RegisterFence});
  }
}

TEST_CASE("wgmma: mutated descriptor fields change the product or break a rule, unless PTX ignores the field") {
  using model::Change;
  Fixture<Bf16> f;
  const LaunchResult right = launch(f.options, f.program);
  REQUIRE(right.reports.empty());
  const auto scores = f.scores, output = f.output;
  const auto notices = [&](const char* site, Change change) {
    std::fill(f.scores.begin(), f.scores.end(), 0.0f);
    std::fill(f.output.begin(), f.output.end(), 0.0f);
    f.options.mutation = {site, change};
    const LaunchResult result = launch(f.options, f.program);
    CHECK(result.mutated_calls > 0);
    return !result.reports.empty() || f.scores != scores || f.output != output;
  };
  for (const char* site : {"q", "k", "v"}) {
    for (Change change : model::changes_of(model::SiteKind::Descriptor)) {
      // The leading offset is not used: K-major operands with a swizzle, and one panel of V.
      const bool ignored = change == Change::LeadingPlus || change == Change::LeadingMinus;
      INFO(site << " " << model::change_name(change));
      CHECK(notices(site, change) == !ignored);
    }
  }
}
