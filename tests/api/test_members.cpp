// The narrow and the wide member of a CPU kernel: the same bits where both may run, the right one at the limits of what the narrow
// one assumes, and the wide one compiled once, when first needed.
#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <thread>

#include "attention_fixture.h"
#include "compiler/host/cpu_compile.h"
#include "compiler/host/row_compiler.h"
#include "tests/ir/normal_form_of.h"

using namespace flexc;
using compiler::Member;
using test::Call;

namespace {

constexpr std::int64_t kLimit = compiler::kNarrowLimit;

/// A kernel with its members; empty where the machine has no AVX2.
struct Family {
  std::shared_ptr<const Kernel> kernel, oracle;
  const CpuFamily* members = nullptr;

  explicit Family(const std::string& text) {
    std::string error;
    auto form = normal_form_of_text("members.flex", text, error);
    INFO(error);
    REQUIRE(form.has_value());
    auto made = make_cpu_kernel(std::make_shared<const dsl::NormalForm>(std::move(*form)), {.head_dim = 8}, std::make_shared<RowCompiler>(EngineOptions{.disk_cache = false}, nullptr, std::make_shared<EngineCounters>()));
    if (!made && made.error().kind == ErrorKind::Environment) return;
    INFO((made ? std::string() : made.error().message));
    REQUIRE(made.has_value());
    kernel = *made;
    members = dynamic_cast<const CpuFamily*>(kernel.get());
    REQUIRE(members != nullptr);
    oracle = test::compiled(text);
  }
  explicit operator bool() const { return kernel != nullptr; }

  Member member_of(const RunArguments& arguments) const {
    const auto member = members->member_of(arguments);
    INFO((member ? std::string() : member.error().message));
    REQUIRE(member.has_value());
    return *member;
  }
};

bool same_bits(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.view().data, b.view().data, static_cast<std::size_t>(a.view().element_count()) * sizeof(float)) == 0;
}

int differences(const Tensor& got, const Tensor& expected) {
  int count = 0;
  for (std::int64_t i = 0; i < expected.view().element_count(); ++i) {
    const double x = load_as_double(got.view(), i), y = load_as_double(expected.view(), i);
    count += !(std::isfinite(y) ? std::fabs(x - y) <= 2e-5 + 1e-4 * std::fabs(y) : x == y);
  }
  return count;
}

/// Runs the call as a caller would, by `expected` and as the oracle does.
void check_call(const Family& family, const test::Shape& shape, const std::function<void(RunArguments&)>& change, Member expected) {
  Call call(shape), judge(shape);
  change(call.arguments);
  change(judge.arguments);
  CHECK(family.member_of(call.arguments) == expected);
  REQUIRE(family.kernel->run(call.arguments).has_value());
  REQUIRE(family.oracle->run(judge.arguments).has_value());
  CHECK(differences(call.out, judge.out) == 0);
  CHECK(differences(call.lse, judge.lse) == 0);
  // Where both may run, they give the same bits; where only the wide one may, the narrow one refuses.
  Call narrow(shape), wide(shape);
  change(narrow.arguments);
  change(wide.arguments);
  REQUIRE(family.members->run_member(wide.arguments, Member::Wide).has_value());
  const auto ran = family.members->run_member(narrow.arguments, Member::Narrow);
  CHECK(ran.has_value() == (expected == Member::Narrow));
  if (!ran) return;
  CHECK(same_bits(narrow.out, wide.out));
  CHECK(same_bits(narrow.lse, wide.lse));
}

/// The sum of two positions fits in 32 bits only below the limit: code of the wrong member shows.
const std::string kSums = "def mask_mod(b, h, q, k):\n    return (q + k) % 7 < 4\n";

}  // namespace

TEST_CASE("narrow and wide members give the same bits") {
  for (const char* text : {
           "def score_mod(s, b, h, q, k):\n    return s + 0.25 * abs(q - k)\ndef mask_mod(b, h, q, k):\n    return (q >= k) & (q - k < 9 + h)\n",
           "tensor t: i32[KV]\ndef mask_mod(b, h, q, k):\n    return t[q] == t[k]\n",
           "tensor t: u8[KV]\ndef score_mod(s, b, h, q, k):\n    return s * (1 + t[k - q] // 3)\ndef mask_mod(b, h, q, k):\n    return (t[k] ^ q) % 3 != 0\n",
           "param w: i32 = 5\ndef score_mod(s, b, h, q, k):\n    return s + (q // w - k // w) * 0.125\ndef mask_mod(b, h, q, k):\n    return (q // 4 >= k // 4) | (k % w == q % w)\n",
           "def score_mod(s, b, h, q, k):\n    return s - float((q >> 2) ^ (k >> 1)) / (B + H + Q)\n",
           "tensor r: f32[Q, 5]\ndef score_mod(s, b, h, q, k):\n    return s + dot(r[q], r[min(k, Q - 1)])\n"}) {
    INFO(text);
    const Family family{text};
    if (!family) return;
    const test::Shape shape{.q_len = 30, .kv_len = 70};
    Tensor bytes(u8, {70}), ints(i32, {70}), rows(f32, {30, 5});
    for (int i = 0; i < 70; ++i) {
      static_cast<std::uint8_t*>(bytes.data())[i] = static_cast<std::uint8_t>(i * 29);
      static_cast<std::int32_t*>(ints.data())[i] = i / 9 - 3;
    }
    fill_normal(rows.view(), 3, "rows");
    check_call(family, shape, [&](RunArguments& arguments) {
      const std::string_view declared(text);
      if (declared.starts_with("tensor t: i32")) arguments.captures.set("t", ints.view());
      if (declared.starts_with("tensor t: u8")) arguments.captures.set("t", bytes.view());
      if (declared.starts_with("tensor r")) arguments.captures.set("r", rows.view());
    }, Member::Narrow);
  }
}

TEST_CASE("positions at the limit of the narrow member") {
  const Family family{kSums};
  if (!family) return;
  const test::Shape shape{.q_len = 12, .kv_len = 70};
  const auto at = [&](std::int64_t q, std::int64_t kv, Member expected) {
    INFO("q_offset " << q << ", kv_offset " << kv);
    check_call(family, shape, [&](RunArguments& arguments) { arguments.q_offset = q, arguments.kv_offset = kv, arguments.q_total = 100, arguments.kv_total = 100; }, expected);
  };
  at(0, 0, Member::Narrow);
  at(kLimit - 12, kLimit - 70, Member::Narrow);
  at(kLimit - 12, 0, Member::Narrow);
  for (const std::int64_t beyond : {kLimit - 11, kLimit - 1, kLimit, kLimit + 1, 2 * kLimit - 40, std::int64_t{1} << 62, std::int64_t{-1}, -kLimit}) at(beyond, kLimit - 70, Member::Wide);
  for (const std::int64_t beyond : {kLimit - 69, kLimit, std::int64_t{-1}, std::int64_t{1} << 40}) at(kLimit - 12, beyond, Member::Wide);
}

TEST_CASE("sizes and params at the limit of the narrow member") {
  const test::Shape shape{.q_len = 12, .kv_len = 70};
  SECTION("symbols") {
    const Family family{"def mask_mod(b, h, q, k):\n    return (q + Q) % 3 + k % (KV - 1) < 20\n"};
    if (!family) return;
    for (const bool of_q : {true, false}) {
      const auto at = [&](std::int64_t total, Member expected) {
        INFO(total);
        check_call(family, shape, [&](RunArguments& arguments) { (of_q ? arguments.q_total : arguments.kv_total) = total; }, expected);
      };
      at(0, Member::Narrow);
      at(kLimit - 1, Member::Narrow);
      at(kLimit, Member::Wide);
      at(std::numeric_limits<std::int64_t>::max(), Member::Wide);
    }
  }
  SECTION("params") {
    const Family family{"param p: i64\ndef mask_mod(b, h, q, k):\n    return (k + p) % 5 + q % 2 < 4\n"};
    if (!family) return;
    const auto at = [&](std::int64_t p, Member expected) {
      INFO(p);
      check_call(family, shape, [&](RunArguments& arguments) { arguments.captures.set_param("p", p); }, expected);
    };
    for (const std::int64_t small : {std::int64_t{0}, kLimit - 1, 1 - kLimit}) at(small, Member::Narrow);
    for (const std::int64_t large : {kLimit, -kLimit, 2 * kLimit, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) at(large, Member::Wide);
  }
  SECTION("fresh dims") {
    // One element, repeated: only the size is large.
    const Family family{"tensor t: f32[n]\ndef mask_mod(b, h, q, k):\n    return (k + t.shape[0]) % 5 + q % 2 < 4\n"};
    if (!family) return;
    float element = 1;
    const auto at = [&](std::int64_t n, Member expected) {
      INFO(n);
      TensorView view;
      view.data = &element, view.dtype = f32, view.shape = {n}, view.strides = {0};
      check_call(family, shape, [&](RunArguments& arguments) { arguments.captures.set("t", view); }, expected);
    };
    at(0, Member::Narrow);
    at(kLimit - 1, Member::Narrow);
    at(kLimit, Member::Wide);
  }
}

TEST_CASE("captures whose offsets exceed 32 bits go to the wide member") {
  const Family family{"tensor t: u8[KV]\ndef mask_mod(b, h, q, k):\n    return t[k] == q % 2\n"};
  if (!family) return;
  const test::Shape shape{.q_len = 6, .kv_len = 2};
  constexpr std::size_t kBytes = (std::size_t{1} << 32) + 4096;
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  auto* bytes = static_cast<std::uint8_t*>(memory);
  for (const std::int64_t stride : {std::int64_t{1}, compiler::kNarrowSpan - 1, compiler::kNarrowSpan, std::int64_t{1} << 32, -(compiler::kNarrowSpan - 1), -compiler::kNarrowSpan}) {
    INFO(stride);
    const std::int64_t first = stride < 0 ? -stride : 0;
    bytes[first] = 0;
    bytes[first + stride] = 1;
    TensorView view;
    view.data = bytes + first, view.dtype = u8, view.shape = {2}, view.strides = {stride};
    const bool fits = stride < compiler::kNarrowSpan && stride > -compiler::kNarrowSpan;
    check_call(family, shape, [&](RunArguments& arguments) { arguments.captures.set("t", view); }, fits ? Member::Narrow : Member::Wide);
  }
  munmap(memory, kBytes);
}

TEST_CASE("a variant that gains nothing has one member, which serves every call") {
  for (const char* text : {"def score_mod(s, b, h, q, k):\n    return s * 2\n", "tensor t: i32[H]\ndef mask_mod(b, h, q, k):\n    return t[h] % 7 < 5\n"}) {
    const Family family{text};
    if (!family) return;
    Tensor ints(i32, {4});
    for (int i = 0; i < 4; ++i) static_cast<std::int32_t*>(ints.data())[i] = 3 * i;
    check_call(family, {}, [&](RunArguments& arguments) {
      arguments.q_offset = kLimit;
      if (std::string_view(text).starts_with("tensor")) arguments.captures.set("t", ints.view());
    }, Member::Narrow);
    CHECK(family.members->compiled() == 1);
  }
}

TEST_CASE("the wide member is compiled once, by the first call that needs it") {
  const Family family{kSums};
  if (!family) return;
  Call small;
  REQUIRE(family.kernel->run(small.arguments).has_value());
  CHECK(family.members->compiled() == 1);
  constexpr int kThreads = 8;
  std::vector<Call> calls(kThreads);
  std::vector<std::thread> threads;
  std::vector<char> succeeded(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    calls[static_cast<std::size_t>(i)].arguments.q_offset = kLimit + 5;
    threads.emplace_back([&, i] { succeeded[static_cast<std::size_t>(i)] = family.kernel->run(calls[static_cast<std::size_t>(i)].arguments).has_value(); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(family.members->compiled() == 2);
  for (int i = 0; i < kThreads; ++i) {
    CHECK(succeeded[static_cast<std::size_t>(i)]);
    CHECK(same_bits(calls[static_cast<std::size_t>(i)].out, calls[0].out));
  }
}
