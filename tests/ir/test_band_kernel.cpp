// Compiled bands and mask keys in the CPU kernel: whatever tells it which pairs are kept, the bits of the output are the same. Each mask runs with its
// band, with the band turned into keep bits, and with block masks; by one thread and by two. And with its key and without.
#include <bit>
#include <catch2/catch.hpp>
#include <cstring>

#include "compiler/stages.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/io.h"
#include "flexc/random.h"
#include "runtime/loader/row_object.h"
#include "templates/cpu/attention.h"
#include "tests/ir/keep_row.h"
#include "tests/ir/mask_key.h"
#include "tests/ir/normal_form_of.h"

using namespace flexc;

namespace {

constexpr std::int64_t kBatch = 2, kHeads = 4, kKvHeads = 2, kWidth = 16;

/// The mods whose band the next function hides. Functions of the ABI have no state of their own.
const flexc_row_module* hidden = nullptr;

void keep_without_band(const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment, std::uint64_t* keep) {
  keep_row(*hidden, *launch, *levels, *segment, keep);
}

flexc_row_module without_band(const flexc_row_module& module) {
  flexc_row_module other = module;
  other.band_row = nullptr;
  other.mask_key = nullptr;
  other.mask_row = keep_without_band;
  hidden = &module;
  return other;
}

struct Lengths {
  std::int64_t q, kv, q_offset, kv_offset;
};

/// Captures by name: row limits that are often beyond the call or empty, sorted documents, head types.
Tensor capture(const dsl::CaptureInfo& info, const Lengths& lengths) {
  const CounterRandom random(5, info.name);
  const std::int64_t n = info.name == "offset" ? kBatch : info.name == "local" ? kHeads : std::max(lengths.q + lengths.q_offset, lengths.kv + lengths.kv_offset);
  Tensor tensor(info.dtype, {n});
  for (std::int64_t i = 0; i < n; ++i) {
    const auto draw = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(n + n / 4)));
    if (info.dtype == i64) tensor.as<std::int64_t>()[i] = draw - n / 8;
    else if (info.dtype == f32) tensor.as<float>()[i] = static_cast<float>(i / 5 % 4) - 1.5f;
    else if (info.dtype == i32) tensor.as<std::int32_t>()[i] = static_cast<std::int32_t>(info.name == "doc" ? i / 37 : draw / 2);
    else tensor.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(draw & 1);
  }
  return tensor;
}

struct Outputs {
  std::vector<float> out, lse, max_scores;
  bool operator==(const Outputs& other) const {
    const auto same = [](const std::vector<float>& a, const std::vector<float>& b) { return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0; };
    return same(out, other.out) && same(lse, other.lse) && same(max_scores, other.max_scores);
  }
};

/// A mask with everything that running it takes.
class Call {
 public:
  Call(const std::string& text, const Lengths& lengths, compiler::Member member = compiler::Member::Narrow) : lengths_(lengths) {
    std::string error;
    const auto form = normal_form_of_text("mask.flex", text, error);
    INFO(text << error);
    REQUIRE(form.has_value());
    form_ = *form;
    environment_.problem = {kBatch, kHeads, kKvHeads, lengths.q_offset + lengths.q, lengths.kv_offset + lengths.kv};
    for (const dsl::CaptureInfo& info : form_.captures) {
      tensors_.push_back(capture(info, lengths));
      environment_.captures.push_back(tensors_.back().view());
    }
    for (const dsl::ParamInfo& info : form_.params) environment_.params.push_back({info.default_integer.value_or(0), 0});
    const auto fresh = dsl::bind_dims(form_, environment_);
    REQUIRE(fresh.has_value());
    fresh_ = *fresh;
    for (const TensorView& view : environment_.captures) captures_.push_back({view.data, view.shape.data(), view.strides.data()});
    for (const dsl::ParamValue& value : environment_.params) params_.push_back({value.integer, value.real, 0, {}});
    const auto code = compiler::compile_row_member(form_, member);
    REQUIRE(code.has_value());
    auto object = runtime::RowObject::load(code->object);
    REQUIRE(object.has_value());
    object_.emplace(std::move(*object));
    const auto normal = [&](const char* name, std::int64_t count) {
      const CounterRandom random(3, name);
      std::vector<float> values(static_cast<std::size_t>(count));
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(random.normal(i));
      return values;
    };
    q_ = normal("q", kBatch * kHeads * lengths.q * kWidth);
    k_ = normal("k", kBatch * kKvHeads * lengths.kv * kWidth);
    v_ = normal("v", kBatch * kKvHeads * lengths.kv * kWidth);
  }

  const flexc_row_module& module() const { return object_->module(); }

  BlockMask block_mask(std::int32_t block_q, std::int32_t block_kv) const {
    BlockMask frame;
    frame.batches = kBatch, frame.heads = kHeads;
    frame.q_len = lengths_.q, frame.kv_len = lengths_.kv, frame.q_offset = lengths_.q_offset, frame.kv_offset = lengths_.kv_offset;
    frame.block_q = block_q, frame.block_kv = block_kv;
    dsl::Evaluator evaluator(*form_.mask, form_, environment_, fresh_);
    return brute_force_block_mask(frame, [&](std::int64_t b, std::int64_t h, std::int64_t q, std::int64_t kv) { return evaluator.mask(b, h, q, kv); });
  }

  Outputs run(const flexc_row_module& module, int threads, const BlockMask* mask) const {
    Outputs outputs;
    outputs.out.resize(q_.size());
    outputs.lse.resize(q_.size() / kWidth);
    outputs.max_scores.resize(q_.size() / kWidth);
    const auto strides = [&](std::int64_t heads, std::int64_t rows, std::int64_t width) { return cpu::Strides{heads * rows * width, rows * width, width}; };
    cpu::AttentionArguments call;
    call.batch = kBatch, call.heads = kHeads, call.kv_heads = kKvHeads;
    call.q_len = lengths_.q, call.kv_len = lengths_.kv, call.head_dim = call.value_dim = kWidth;
    call.q_offset = lengths_.q_offset, call.kv_offset = lengths_.kv_offset;
    call.q = {q_.data(), strides(kHeads, lengths_.q, kWidth)};
    call.k = {k_.data(), strides(kKvHeads, lengths_.kv, kWidth)};
    call.v = {v_.data(), strides(kKvHeads, lengths_.kv, kWidth)};
    call.out = {outputs.out.data(), strides(kHeads, lengths_.q, kWidth)};
    call.lse = {outputs.lse.data(), strides(kHeads, lengths_.q, 1)};
    call.max_scores = {outputs.max_scores.data(), strides(kHeads, lengths_.q, 1)};
    call.scale = 0.25;
    call.module = &module;
    call.captures = captures_.data(), call.params = params_.data(), call.fresh_dims = fresh_.data();
    call.mask = mask;
    cpu::WorkerPool pool(threads);
    REQUIRE(cpu::run_attention(call, pool).has_value());
    return outputs;
  }

 private:
  Lengths lengths_;
  dsl::NormalForm form_;
  dsl::Environment environment_;
  std::vector<Tensor> tensors_;
  std::vector<std::int64_t> fresh_;
  std::vector<flexc_row_capture> captures_;
  std::vector<flexc_row_param> params_;
  std::optional<runtime::RowObject> object_;
  std::vector<float> q_, k_, v_;
};

struct Case {
  const char* name;
  const char* declarations;
  const char* mask;
  bool has_residual;
};

constexpr Case kCases[] = {
    {"causal", "", "q >= k", false},
    {"window", "param w: i32 = 100\n", "(q >= k) & (q - k <= w)", false},
    {"prefix", "param w: i32 = 70\n", "(k < w) | (q >= k)", false},
    {"sinks", "param w: i32 = 90\n", "(q >= k) & ((k < 5) | (q - k <= w))", false},
    {"documents and causal", "tensor doc: i32[n]\n", "(doc[q] == doc[k]) & (q >= k)", true},
    {"window of local heads", "tensor local: bool[H]\n", "torch.where(local[h], (q >= k) & (q - k < 33), q >= k)", false},
    {"limits of the row", "tensor lo: i64[n]\ntensor hi: i64[n]\n", "(k >= lo[q]) & (k < hi[q])", false},
    {"two intervals, as they come", "tensor lo: i64[n]\ntensor hi: i64[n]\ntensor lo2: i64[n]\ntensor hi2: i64[n]\n",
     "((k >= lo[q]) & (k < hi[q])) | ((k >= lo2[q]) & (k < hi2[q]))", false},
    {"the same, thinned", "tensor lo: i64[n]\ntensor hi: i64[n]\ntensor lo2: i64[n]\ntensor hi2: i64[n]\n",
     "(((k >= lo[q]) & (k < hi[q])) | ((k >= lo2[q]) & (k < hi2[q]))) & ((q + k) % 3 != 0)", true},
    {"offset of the batch", "tensor offset: i32[B]\n", "q + offset[b] >= k", false},
    {"the diagonal left out", "", "q != k", false},
    {"some rows only", "", "q % 5 == 2", false},
    {"nothing", "", "(q >= k) & (q < k)", false},
};

std::string text_of(const Case& c) { return std::string(c.declarations) + "def mask_mod(b, h, q, k):\n    return " + c.mask + "\n"; }

}  // namespace

TEST_CASE("a band changes no bit of the output") {
  // Several tiles of 512 columns; rows and columns that fill no panel; positions that start apart.
  for (const Lengths& lengths : {Lengths{261, 1100, 0, 0}, Lengths{75, 530, 460, 3}}) {
    for (const Case& c : kCases) {
      INFO(c.name << ", " << lengths.q << " x " << lengths.kv);
      // Whichever member finds it: the same band, hence the same bits.
      const Call call(text_of(c), lengths), wide(text_of(c), lengths, compiler::Member::Wide);
      REQUIRE(call.module().band_row != nullptr);
      CHECK((call.module().mask_row != nullptr) == c.has_residual);
      const flexc_row_module bits = without_band(call.module());
      const Outputs expected = call.run(bits, 1, nullptr);
      CHECK(call.run(call.module(), 1, nullptr) == expected);
      CHECK(call.run(call.module(), 2, nullptr) == expected);
      CHECK(wide.run(wide.module(), 1, nullptr) == expected);
      for (const auto& [block_q, block_kv] : {std::pair{128, 128}, {24, 40}}) {
        const BlockMask mask = call.block_mask(block_q, block_kv);
        CHECK(call.run(call.module(), 1, &mask) == expected);
        CHECK(call.run(bits, 2, &mask) == expected);
      }
    }
  }
}

TEST_CASE("a band that is wrong by one shows in the output") {
  const Lengths lengths{261, 1100, 0, 0};
  const Call call(text_of(kCases[1]), lengths);
  const Outputs expected = call.run(call.module(), 1, nullptr);
  flexc_row_module wrong = call.module();
  wrong.band_row = [](const flexc_row_launch*, const void*, const void*, std::int64_t, std::int64_t, std::int64_t q, flexc_row_band* out) { *out = {q - 99, q + 1, 0, 0}; };
  CHECK_FALSE(call.run(wrong, 1, nullptr) == expected);
  wrong.band_row = [](const flexc_row_launch*, const void*, const void*, std::int64_t, std::int64_t, std::int64_t q, flexc_row_band* out) { *out = {q - 100, q, 0, 0}; };
  CHECK_FALSE(call.run(wrong, 1, nullptr) == expected);
}

namespace {

struct KeyCase {
  const char* declarations;
  const char* mask;
  bool has_key;
};

constexpr KeyCase kKeyCases[] = {
    {"tensor doc: i32[n]\n", "doc[q] == doc[k]", true},
    {"tensor doc: i32[n]\n", "(doc[q] == doc[k]) & (q >= k)", true},
    {"tensor doc: i32[n]\ntensor local: bool[H]\n", "(doc[q] == doc[k]) | (local[h] & (k % 5 == 1))", true},
    {"", "(q // 20 + k // 30) % 2 == 0", true},
    {"", "q % 3 == k % 3", true},
    {"tensor x: f32[n]\n", "x[q] > x[k]", true},
    {"tensor x: f32[n]\n", "(x[q] > 0.0) | (k % 2 == 0)", true},
    {"tensor doc: i32[n]\ntensor lo: i64[n]\n", "(doc[q] == doc[k]) | (lo[q] == lo[k])", false},
    {"tensor doc: i32[n]\n", "(doc[q] == doc[k]) & ((q + k) % 2 == 0)", false},
    {"", "(q + k) % 3 == 0", false},
};

std::string text_of(const KeyCase& c) { return std::string(c.declarations) + "def mask_mod(b, h, q, k):\n    return " + c.mask + "\n"; }

/// The mask whose calls are counted.
flexc_mask_row_fn counted = nullptr;
std::int64_t calls = 0;

flexc_row_module counting(const flexc_row_module& module) {
  flexc_row_module other = module;
  counted = module.mask_row, calls = 0;
  other.mask_row = [](const flexc_row_launch* launch, const flexc_row_levels* levels, const flexc_row_segment* segment, std::uint64_t* keep) {
    ++calls;
    counted(launch, levels, segment, keep);
  };
  return other;
}

}  // namespace

TEST_CASE("rows with one mask key ask the mask once, and no bit of the output changes") {
  for (const Lengths& lengths : {Lengths{261, 1100, 0, 0}, Lengths{75, 530, 460, 3}}) {
    for (const KeyCase& c : kKeyCases) {
      INFO(c.mask << ", " << lengths.q << " x " << lengths.kv);
      const Call call(text_of(c), lengths), wide(text_of(c), lengths, compiler::Member::Wide);
      REQUIRE(call.module().mask_row != nullptr);
      CHECK((call.module().mask_key != nullptr) == c.has_key);
      CHECK((wide.module().mask_key != nullptr) == c.has_key);
      flexc_row_module each = call.module();
      each.mask_key = nullptr;
      const Outputs expected = call.run(each, 1, nullptr);
      CHECK(call.run(call.module(), 1, nullptr) == expected);
      CHECK(call.run(call.module(), 2, nullptr) == expected);
      CHECK(wide.run(wide.module(), 1, nullptr) == expected);
      const BlockMask mask = call.block_mask(24, 40);
      CHECK(call.run(call.module(), 1, &mask) == expected);
    }
  }
}

TEST_CASE("the mask of documents is asked once for a group of eight rows, but where a document ends") {
  const Lengths lengths{261, 1100, 0, 0};
  const Call call(text_of(kKeyCases[0]), lengths);
  flexc_row_module each = call.module();
  each.mask_key = nullptr;
  call.run(counting(each), 1, nullptr);
  const std::int64_t without = calls;
  call.run(counting(call.module()), 1, nullptr);
  CHECK(calls * 4 < without);
  CHECK(calls > 0);
}

TEST_CASE("rows with the same mask key and other bits are found") {
  const Call call(text_of(KeyCase{"", "q % 3 == k % 3", true}), {64, 64, 0, 0});
  const flexc_row_launch launch{{kBatch, kHeads, kKvHeads, 64, 64}, nullptr, nullptr, nullptr, nullptr, 1, 1};
  const flexc_row_segment segment{0, 0, 10, 0, 1, 64};
  flexc_row_module module = call.module();
  std::vector<std::uint64_t> table(64 * module.kv_side_slots + 1);
  if (module.kv_side) module.kv_side(&launch, nullptr, 0, 0, 0, 1, 64, table.data(), 64);
  const flexc_row_levels levels{nullptr, nullptr, table.data(), 64};
  const LikeRows right = compare_like_rows(module, launch, levels, segment, 4, 17);
  CHECK(right.count == 4);
  CHECK_FALSE(right.wrong);
  module.mask_key = [](const flexc_row_launch*, const void*, const void*, std::int64_t, std::int64_t, std::int64_t q, std::int64_t* out) { *out = q % 2; };
  CHECK(compare_like_rows(module, launch, levels, segment, 4, 17).wrong == 6);
}

TEST_CASE("a mask key that takes two rows for one shows in the output") {
  const Lengths lengths{261, 1100, 0, 0};
  const Call call(text_of(kKeyCases[0]), lengths);
  const Outputs expected = call.run(call.module(), 1, nullptr);
  flexc_row_module wrong = call.module();
  wrong.mask_key = [](const flexc_row_launch*, const void*, const void*, std::int64_t, std::int64_t, std::int64_t, std::int64_t* out) { *out = 0; };
  CHECK_FALSE(call.run(wrong, 1, nullptr) == expected);
}
