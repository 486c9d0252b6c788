#include "forward_problem.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "templates/model/fixed_kernels.h"
#include "templates/model/numbers.h"

namespace hopper_model {
namespace {

constexpr double kLog2E = 1.4426950408889634;
constexpr uint16_t kUntouched = 0xfffe;  // a NaN that no conversion gives

}  // namespace

const ForwardKernel& forward_kernel(const std::string& name) {
  const auto& all = forward_kernels();
  return *std::find_if(all.begin(), all.end(), [&](const ForwardKernel& kernel) { return kernel.name == name; });
}

float ForwardProblem::widen(uint16_t bits) const {
  return kernel_.element == flexc::device::Element::kBf16 ? model::bf16_to_f32(bits) : model::f16_to_f32(bits);
}
uint16_t ForwardProblem::narrow(double value) const {
  const auto single = static_cast<float>(value);
  return kernel_.element == flexc::device::Element::kBf16 ? model::f32_to_bf16(single) : model::f32_to_f16(single);
}

ForwardProblem::ForwardProblem(const ForwardKernel& kernel, int batch, int heads, int kv_heads, int q_len, int kv_len, uint64_t seed)
    : kernel_(kernel) {
  shape_.batch = batch;
  shape_.heads = heads;
  shape_.kv_heads = kv_heads;
  shape_.q_len = q_len;
  shape_.kv_len = kv_len;
  shape_.head_dim = static_cast<int>(kernel.d);
  shape_.value_dim = static_cast<int>(kernel.dv);
  shape_.tile_m = kernel.m;
  shape_.tile_n = kernel.n;
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal;
  const auto fill = [&](std::vector<uint16_t>& values, size_t count) {
    values.resize(count);
    for (uint16_t& value : values) value = narrow(normal(generator));
  };
  fill(q_, size_t(batch) * heads * q_len * kernel.d);
  fill(k_, size_t(batch) * kv_heads * kv_len * kernel.d);
  fill(v_, size_t(batch) * kv_heads * kv_len * kernel.dv);
  out_.resize(size_t(batch) * heads * q_len * kernel.dv);
  lse_.resize(size_t(batch) * heads * q_len);
}

void ForwardProblem::set_scores(const std::function<double(int q)>& row, const std::function<double(int kv)>& column) {
  std::fill(q_.begin(), q_.end(), narrow(0));
  std::fill(k_.begin(), k_.end(), narrow(0));
  const double unit = std::sqrt(static_cast<double>(kernel_.d)) / kLog2E;
  for (size_t i = 0; i < q_.size() / kernel_.d; ++i) q_[i * kernel_.d] = narrow(row(static_cast<int>(i) % shape_.q_len));
  for (size_t i = 0; i < k_.size() / kernel_.d; ++i) k_[i * kernel_.d] = narrow(unit * column(static_cast<int>(i) % shape_.kv_len));
  reference_ = {};
}

KernelArguments ForwardProblem::plan() {
  const auto tensor = [](void* data, int dim, int length, int heads) {
    return model::ForwardTensor{data, dim, int64_t{dim} * length, int64_t{dim} * length * heads};
  };
  return {model::plan_forward(shape_, tensor(q_.data(), shape_.head_dim, shape_.q_len, shape_.heads),
                              tensor(k_.data(), shape_.head_dim, shape_.kv_len, shape_.kv_heads),
                              tensor(v_.data(), shape_.value_dim, shape_.kv_len, shape_.kv_heads),
                              tensor(out_.data(), shape_.value_dim, shape_.q_len, shape_.heads), kernel_.descending, group_heads_)};
}

flexc::BlockMask ForwardProblem::frame(int32_t block_q, int32_t block_kv) const {
  flexc::BlockMask mask;
  mask.batches = shape_.batch, mask.heads = shape_.heads;
  mask.q_len = shape_.q_len, mask.kv_len = shape_.kv_len;
  mask.block_q = block_q, mask.block_kv = block_kv;
  return mask;
}

flexc::BlockMask ForwardProblem::exact_mask(int32_t block_q, int32_t block_kv) const {
  return flexc::brute_force_block_mask(frame(block_q, block_kv), [this](int64_t b, int64_t h, int64_t q, int64_t kv) {
    return kernel_.keep(static_cast<int>(b), static_cast<int>(h), static_cast<int>(q), static_cast<int>(kv));
  });
}

void ForwardProblem::set_mask(const flexc::BlockMask* mask, uint32_t group_heads) {
  group_heads_ = group_heads;
  metadata_.reset();
  if (mask != nullptr) metadata_ = flexc::runtime::mask_metadata(*mask, plan().arguments, kernel_.m, kernel_.n).value();
}

model::LaunchResult ForwardProblem::launch(model::LaunchOptions options, const std::vector<unsigned>* marked) {
  std::fill(out_.begin(), out_.end(), kUntouched);
  std::fill(lse_.begin(), lse_.end(), std::nanf(""));
  KernelArguments arguments = plan();
  flexc_hopper_arguments& a = arguments.arguments;
  a.scale_log2 = static_cast<float>(kLog2E / std::sqrt(static_cast<double>(kernel_.d)));
  a.lse = lse_.data();
  a.lse_head_stride = shape_.q_len;
  a.lse_batch_stride = int64_t{shape_.q_len} * shape_.heads;
  a.sink = sink_.empty() ? nullptr : sink_.data();
  workspace_.assign(flexc::runtime::workspace_words(a), 0);
  a.workspace = workspace_.data();
  if (!max_scores_.empty()) {
    std::fill(max_scores_.begin(), max_scores_.end(), std::nanf(""));
    a.max_scores = max_scores_.data();
    a.max_head_stride = a.lse_head_stride, a.max_batch_stride = a.lse_batch_stride;
  }
  if (a.splits > 1) {
    const size_t rows = size_t{a.items} * a.partial_warps * kFlexcWarpRows;
    const float nan = std::nanf("");
    partial_rows_.assign(rows, {nan, nan});
    partial_outputs_.assign(rows * kernel_.dv / 4, {{nan, nan, nan, nan}});
    a.partial_rows = partial_rows_.data(), a.partial_outputs = partial_outputs_.data();
  }
  if (marked != nullptr) {
    a.only_marked = 1;
    for (const unsigned item : *marked) ++workspace_[kFlexcWorkspaceHeader + item], ++workspace_[kFlexcWorkNonFinite];
  }
  if (metadata_) metadata_->point(a, reinterpret_cast<uintptr_t>(metadata_->words.data()));
  options.threads = kernel_.threads;
  options.shared_bytes = kernel_.shared_bytes;
  auto result = simulator_.launch(options, kernel_.entry, &arguments);
  if (between_) between_(a);
  if (a.splits == 1 || !result.reports.empty()) return result;
  model::LaunchOptions merging = schedule(options.policy, options.seed);
  merging.threads = model::kCombineThreads;
  flexc_combine_arguments combine = flexc::runtime::combine_arguments(a, {kernel_.element, kernel_.m, kernel_.n, kernel_.d, kernel_.dv}, kernel_.dv);
  auto merged = simulator_.launch(merging, model::enter_combine, &combine);
  result.reports = std::move(merged.reports);
  return result;
}

void ForwardProblem::take_batch(const ForwardProblem& from, int batch) {
  const auto take = [batch](std::vector<uint16_t>& to, const std::vector<uint16_t>& all) { std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(to.size()) * batch, to.size(), to.begin()); };
  take(q_, from.q_), take(k_, from.k_), take(v_, from.v_);
  reference_ = {};
}

const ForwardProblem::Reference& ForwardProblem::reference() {
  if (!reference_.out.empty()) return reference_;
  const int q_len = shape_.q_len, kv_len = shape_.kv_len;
  const double scale = 1 / std::sqrt(static_cast<double>(kernel_.d));
  reference_.out.assign(out_.size(), 0);
  reference_.rounded_out.assign(out_.size(), 0);
  reference_.lse.assign(lse_.size(), 0);
  reference_.most.assign(lse_.size(), 0);
  std::vector<double> s(kv_len), rounded(kv_len);
  for (int b = 0; b < shape_.batch; ++b) {
    for (int h = 0; h < shape_.heads; ++h) {
      const size_t kv_row = (size_t(b) * shape_.kv_heads + h / (shape_.heads / shape_.kv_heads)) * kv_len;
      for (int q = 0; q < q_len; ++q) {
        const size_t row = (size_t(b) * shape_.heads + h) * q_len + q;
        double most = -INFINITY, most_rounded = -INFINITY;
        for (int kv = 0; kv < kv_len; ++kv) {
          double dot = 0;
          for (uint32_t d = 0; d < kernel_.d; ++d)
            dot += static_cast<double>(widen(q_[row * kernel_.d + d])) * widen(k_[(kv_row + kv) * kernel_.d + d]);
          const bool kept = kernel_.keep(b, h, q, kv);
          s[kv] = kept ? kernel_.score(dot * scale, b, h, q, kv) : -INFINITY;
          rounded[kv] = kept ? double{widen(narrow(kernel_.score(widen(narrow(dot * scale)), b, h, q, kv)))} : -INFINITY;
          most = std::max(most, s[kv]);
          most_rounded = std::max(most_rounded, static_cast<double>(rounded[kv]));
        }
        reference_.most[row] = most;
        if (!sink_.empty()) most = std::max(most, static_cast<double>(sink_[h])), most_rounded = std::max(most_rounded, static_cast<double>(sink_[h]));
        double sum = sink_.empty() ? 0 : std::exp(sink_[h] - most), sum_rounded = sink_.empty() ? 0 : std::exp(sink_[h] - most_rounded);
        for (int kv = 0; kv < kv_len; ++kv) {
          s[kv] = most == -INFINITY ? 0 : std::exp(s[kv] - most);
          rounded[kv] = most == -INFINITY ? 0 : std::exp(rounded[kv] - most_rounded);
          sum += s[kv];
          sum_rounded += rounded[kv];
        }
        reference_.lse[row] = most + std::log(sum);
        for (uint32_t d = 0; d < kernel_.dv; ++d) {
          double value = 0, value_rounded = 0;
          for (int kv = 0; kv < kv_len; ++kv) {
            const double v = widen(v_[(kv_row + kv) * kernel_.dv + d]);
            value += s[kv] * v;
            value_rounded += widen(narrow(rounded[kv] / (sum_rounded > 0 ? sum_rounded : 1))) * v;
          }
          reference_.out[row * kernel_.dv + d] = sum > 0 ? value / sum : 0;
          reference_.rounded_out[row * kernel_.dv + d] = widen(narrow(value_rounded));
        }
      }
    }
  }
  return reference_;
}

std::string ForwardProblem::judge() {
  const Reference& wanted = reference();
  double error = 0, rounded_error = 0, tolerance = 0;
  for (size_t i = 0; i < out_.size(); ++i) {
    const double value = widen(out_[i]);
    if (!std::isfinite(value)) return "element " + std::to_string(i) + " of the output is not finite";
    error = std::max(error, std::abs(value - wanted.out[i]));
    rounded_error = std::max(rounded_error, std::abs(wanted.rounded_out[i] - wanted.out[i]));
    const double there = widen(narrow(static_cast<double>(widen(narrow(wanted.out[i]))) + 0.3));
    tolerance = std::max(tolerance, 2 * std::abs(static_cast<double>(widen(narrow(there - 0.3))) - widen(narrow(wanted.out[i]))));
  }
  if (error > 2 * rounded_error + tolerance) {
    return "the error " + std::to_string(error) + " is more than twice " + std::to_string(rounded_error) + " plus " + std::to_string(tolerance);
  }
  const auto is_near = [](float value, double exact) { return std::isinf(exact) ? value == exact : std::abs(value - exact) <= 1e-4 * std::max(1.0, std::abs(exact)); };
  for (size_t i = 0; i < max_scores_.size(); ++i)
    if (!is_near(max_scores_[i], wanted.most[i])) return "the largest score " + std::to_string(i) + " is " + std::to_string(max_scores_[i]) + ", not " + std::to_string(wanted.most[i]);
  for (size_t i = 0; i < lse_.size(); ++i) {
    if (!is_near(lse_[i], wanted.lse[i])) return "lse " + std::to_string(i) + " is " + std::to_string(lse_[i]) + ", not " + std::to_string(wanted.lse[i]);
  }
  return {};
}

}  // namespace hopper_model
