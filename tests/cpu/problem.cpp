#include "tests/cpu/problem.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>

#include "tests/cpu/emulated_kernels.h"

namespace flexc::cpu_test {

Tensor::Tensor(DType type, std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t width, Layout layout)
    : type_(type), batch_(batch), heads_(heads), rows_(rows), width_(width) {
  const std::int64_t gap = layout == Layout::Padded ? 3 : 0;
  first_ = layout == Layout::Padded ? 5 : 0;
  if (layout == Layout::Transposed)
    strides_ = {rows * heads * width, width, heads * width};
  else
    strides_ = {heads * (rows * (width + gap) + 2 * gap), rows * (width + gap) + 2 * gap, width + gap};
  const auto count = static_cast<std::size_t>(first_ + batch * std::max(strides_.batch, std::int64_t{1}) + 1);
  memory_.assign(count * size_of(type), std::byte{0xFF});  // all ones is a NaN in every type
}

double Tensor::get(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) const {
  const std::byte* at = memory_.data() + static_cast<std::size_t>(offset(b, h, row) + i) * size_of(type_);
  if (type_ == DType::F32) {
    float value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return type_ == DType::BF16 ? bf16_to_float(bits) : f16_to_float(bits);
}

void Tensor::set(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i, double value) {
  std::byte* at = memory_.data() + static_cast<std::size_t>(offset(b, h, row) + i) * size_of(type_);
  const auto single = static_cast<float>(value);
  if (type_ == DType::F32) {
    std::memcpy(at, &single, sizeof single);
    return;
  }
  const std::uint16_t bits = type_ == DType::BF16 ? float_to_bf16(single) : float_to_f16(single);
  std::memcpy(at, &bits, sizeof bits);
}

void Tensor::fill_normal(std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  for (std::int64_t b = 0; b < batch_; ++b)
    for (std::int64_t h = 0; h < heads_; ++h)
      for (std::int64_t row = 0; row < rows_; ++row)
        for (std::int64_t i = 0; i < width_; ++i) set(b, h, row, i, normal(engine));
}

std::vector<double> Tensor::dense() const {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(batch_ * heads_ * rows_ * width_));
  for (std::int64_t b = 0; b < batch_; ++b)
    for (std::int64_t h = 0; h < heads_; ++h)
      for (std::int64_t row = 0; row < rows_; ++row)
        for (std::int64_t i = 0; i < width_; ++i) values.push_back(get(b, h, row, i));
  return values;
}

cpu::Input Tensor::input(bool broadcast) const {
  cpu::Input view{memory_.data() + static_cast<std::size_t>(first_) * size_of(type_), strides_};
  if (broadcast) view.strides.batch = 0;
  return view;
}

cpu::Output Tensor::output() { return {memory_.data() + static_cast<std::size_t>(first_) * size_of(type_), strides_}; }

Problem::Problem(const Shape& shape, const Variant& variant, const Setting& setting)
    : q(setting.dtype, shape.batch, shape.heads, shape.q_len, shape.head_dim, setting.layout),
      k(setting.dtype, shape.k_batch ? shape.k_batch : shape.batch, shape.kv_heads, shape.kv_len, shape.head_dim, setting.layout),
      v(setting.dtype, shape.v_batch ? shape.v_batch : shape.batch, shape.kv_heads, shape.kv_len, shape.value_dim, setting.layout),
      shape_(shape),
      variant_(variant),
      setting_(setting),
      bindings_(shape) {
  q.fill_normal(setting.seed * 3);
  k.fill_normal(setting.seed * 3 + 1);
  v.fill_normal(setting.seed * 3 + 2);
  if (setting.scale == 0) setting_.scale = 1 / std::sqrt(static_cast<double>(shape.head_dim));
  if (setting.with_sink)
    for (std::int64_t h = 0; h < shape.heads; ++h) sink.push_back(0.5f * static_cast<float>(h) - 1);
}

cpu::AttentionArguments Problem::arguments() const {
  cpu::AttentionArguments call;
  call.dtype = setting_.dtype;
  call.batch = shape_.batch;
  call.heads = shape_.heads;
  call.kv_heads = shape_.kv_heads;
  call.q_len = shape_.q_len;
  call.kv_len = shape_.kv_len;
  call.head_dim = shape_.head_dim;
  call.value_dim = shape_.value_dim;
  call.q = q.input(false);
  call.k = k.input(shape_.k_batch == 1);
  call.v = v.input(shape_.v_batch == 1);
  call.scale = setting_.scale;
  call.split = setting_.split;
  call.q_offset = shape_.q_offset;
  call.kv_offset = shape_.kv_offset;
  call.sink = sink.empty() ? nullptr : sink.data();
  call.module = &variant_.module;
  call.captures = bindings_.captures.data();
  call.params = bindings_.params.data();
  return call;
}

Result Problem::run(const RunOptions& options) const {
  Tensor out(setting_.dtype, shape_.batch, shape_.heads, shape_.q_len, shape_.value_dim, setting_.layout);
  const auto rows = static_cast<std::size_t>(shape_.batch * shape_.heads * shape_.q_len);
  Result result;
  result.lse.assign(rows + 1, 77.0f);
  result.max_scores.assign(rows + 1, 77.0f);
  const cpu::Strides row_strides{shape_.heads * shape_.q_len, shape_.q_len, 1};
  cpu::AttentionArguments call = arguments();
  call.out = out.output();
  call.lse = {result.lse.data(), row_strides};
  call.max_scores = {result.max_scores.data(), row_strides};
  call.mask = options.mask;
  call.target = options.target;
  if (options.module) call.module = options.module;
  cpu::WorkerPool pool(options.threads);
  const cpu::KernelTable* const emulated = emulated_kernels(options.target);
  if (!(emulated ? cpu::run_attention_with(*emulated, call, pool) : cpu::run_attention(call, pool))) return {};
  result.out = out.dense();
  result.bytes = out.bytes();
  return result;
}

ReferenceOutput Problem::reference() const {
  ReferenceInput input;
  input.shape = shape_;
  input.q = q.dense();
  input.k = k.dense();
  input.v = v.dense();
  if (!sink.empty()) input.sink.emplace(sink.begin(), sink.end());
  input.scale = setting_.scale;
  if (variant_.score) input.score = variant_.score(bindings_, shape_);
  if (variant_.mask) input.mask = variant_.mask(bindings_, shape_);
  return reference_attention(input);
}

BlockMask Problem::block_mask(std::int32_t block_q, std::int32_t block_kv, std::int64_t* kept_pairs) const {
  BlockMask shape;
  shape.batches = shape_.batch;
  shape.heads = shape_.heads;
  shape.q_len = shape_.q_len;
  shape.kv_len = shape_.kv_len;
  shape.q_offset = shape_.q_offset;
  shape.kv_offset = shape_.kv_offset;
  shape.block_q = block_q;
  shape.block_kv = block_kv;
  return brute_force_block_mask(shape, variant_.mask ? MaskPredicate(variant_.mask(bindings_, shape_)) : [](auto...) { return true; }, kept_pairs);
}

std::string Problem::compare(const Result& result, const ReferenceOutput& reference) const {
  if (result.out.size() != reference.out.size() || result.lse.size() != reference.lse.size() + 1) return "the sizes differ, or the run failed";
  if (result.lse.back() != 77.0f || result.max_scores.back() != 77.0f) return "written beyond the end of lse or max_scores";
  const double widening = std::max(1.0, reference.largest_score / 64);
  const double rounding = setting_.dtype == DType::F32 ? 0 : setting_.dtype == DType::BF16 ? 0x1p-8 : 0x1p-11;
  const double step = setting_.dtype == DType::F16 ? 0x1p-25 : 0;  // half of the least f16
  const auto bound = [&](double expected) { return (2e-5 + 1e-4 * std::abs(expected)) * widening; };
  std::ostringstream text;
  for (std::size_t i = 0; i < reference.out.size(); ++i) {
    const double found = result.out[i], expected = reference.out[i];
    const bool good = std::isfinite(expected) ? std::abs(found - expected) <= bound(expected) + std::abs(expected) * rounding * 1.001 + step
                                              : !std::isfinite(found);
    if (good) continue;
    text << "out[" << i << "] = " << found << ", expected " << expected;
    return text.str();
  }
  const auto agrees = [&](double found, double expected) {
    if (std::isnan(expected)) return std::isnan(found);
    return std::isinf(expected) ? found == expected : std::abs(found - expected) <= bound(expected);
  };
  for (std::size_t i = 0; i < reference.lse.size(); ++i) {
    if (agrees(result.lse[i], reference.lse[i]) && agrees(result.max_scores[i], reference.max_scores[i])) continue;
    text << "row " << i << ": lse " << result.lse[i] << ", expected " << reference.lse[i] << "; max_scores " << result.max_scores[i] << ", expected "
         << reference.max_scores[i];
    return text.str();
  }
  return {};
}

std::vector<std::string> targets() {
  std::vector<std::string> names = cpu::kernel_targets();
  if (emulated_kernels(kEmulatedTarget)) names.emplace_back(kEmulatedTarget);
  return names;
}

bool same_bits(const Result& a, const Result& b) {
  const auto same_rows = [](const std::vector<float>& x, const std::vector<float>& y) {
    return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
  };
  return !a.bytes.empty() && a.bytes == b.bytes && same_rows(a.lse, b.lse) && same_rows(a.max_scores, b.max_scores);
}

}  // namespace flexc::cpu_test
