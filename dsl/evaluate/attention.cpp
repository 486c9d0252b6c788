// Dense attention by its definition, one query row at a time: what every back end is judged by.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>

#include "dsl/evaluate/sabotage.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/positions.h"

namespace flexc::dsl {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
/// Query rows a task: enough to pay for widening k and v once a task, few enough for threads to share short calls.
constexpr std::int64_t kRowsPerTask = 64;

struct Shape {
  std::int64_t batch, heads, kv_heads, q_len, kv_len, head_dim, value_dim;
};

/// A kept pair of the row at hand: its column and its weight (first the score).
struct KeptPair {
  std::int64_t column;
  double weight;
};

std::int64_t offset_of(const TensorView& view, std::int64_t b, std::int64_t h, std::int64_t row) {
  return b * view.strides[0] + h * view.strides[1] + row * view.strides[2];
}

void store(const TensorView& view, std::int64_t offset, double value) {
  if (view.dtype == DType::F64) static_cast<double*>(view.data)[offset] = value;
  else static_cast<float*>(view.data)[offset] = static_cast<float>(value);
}

/// [rows, width] of one (b, h), widened and contiguous.
void widen(const TensorView& view, std::int64_t b, std::int64_t h, std::vector<double>& out) {
  const std::int64_t rows = view.shape[2], width = view.shape[3];
  out.resize(static_cast<std::size_t>(rows * width));
  const std::int64_t batch = view.shape[0] == 1 && !sabotaged(Sabotage::BatchNotBroadcast) ? 0 : std::min(b, view.shape[0]);
  if (batch == view.shape[0]) {  // only a sabotaged build comes here
    std::fill(out.begin(), out.end(), 0.0);
    return;
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t base = offset_of(view, batch, h, row);
    for (std::int64_t i = 0; i < width; ++i) out[static_cast<std::size_t>(row * width + i)] = load_as_double(view, base + i * view.strides[3]);
  }
}

class Worker {
 public:
  Worker(const NormalForm& form, const Environment& environment, std::span<const std::int64_t> fresh_sizes, const AttentionCall& call, const Shape& shape)
      : call_(call), shape_(shape) {
    if (form.score) score_.emplace(*form.score, form, environment, fresh_sizes);
    if (form.mask) mask_.emplace(*form.mask, form, environment, fresh_sizes);
    out_row_.resize(static_cast<std::size_t>(shape.value_dim));
  }

  void run_rows(std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t last) {
    const std::int64_t kv_head = sabotaged(Sabotage::HeadsGroupedByModulo) ? h % shape_.kv_heads : h / (shape_.heads / shape_.kv_heads);
    if (b != b_ || kv_head != kv_head_) {
      widen(call_.k, b, kv_head, k_);
      widen(call_.v, b, kv_head, v_);
      b_ = b;
      kv_head_ = kv_head;
    }
    for (std::int64_t row = first; row < last; ++row) run_row(b, h, row);
  }

  const std::optional<GatherFault> fault() const {
    if (mask_ && mask_->fault()) return mask_->fault();
    return score_ ? score_->fault() : std::nullopt;
  }

 private:
  bool rounded() const { return call_.mode == OracleMode::Rounded; }
  double round(double value) const { return static_cast<double>(round_to(call_.rounded_dtype, value)); }

  double product(std::int64_t column) const {
    const auto width = static_cast<std::size_t>(shape_.head_dim);
    const double* k = k_.data() + static_cast<std::size_t>(column) * width;
    if (rounded()) {
      float sum = 0;
      for (std::size_t i = 0; i < width; ++i) sum += static_cast<float>(q_row_[i]) * static_cast<float>(k[i]);
      return round(static_cast<float>(call_.scale) * sum);
    }
    double sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += q_row_[i] * k[i];
    return sabotaged(Sabotage::ScaleAfterMod) ? sum : call_.scale * sum;
  }

  /// Scores of the pairs that are kept. What is removed is not even computed, so nothing of it can leak.
  void collect(std::int64_t b, std::int64_t h, std::int64_t row) {
    const bool step_ignored = sabotaged(Sabotage::StepIgnored);
    const PositionMap rows{sabotaged(Sabotage::OffsetIgnored) ? 0 : call_.q_offset, step_ignored ? 1 : call_.q_step}, columns{call_.kv_offset, step_ignored ? 1 : call_.kv_step};
    const std::int64_t q_idx = rows.at(row);
    kept_.clear();
    for (std::int64_t column = 0; column < shape_.kv_len; ++column) {
      const std::int64_t kv_idx = columns.at(column);
      if (mask_ && !mask_->mask(b, h, q_idx, kv_idx)) {
        if (sabotaged(Sabotage::RemovedValueLeaks)) kept_.push_back({column, -1e300});
        continue;
      }
      double s = product(column);
      if (score_) s = score_->score(s, b, h, q_idx, kv_idx);
      if (sabotaged(Sabotage::ScaleAfterMod)) s *= call_.scale;
      if (rounded()) s = round(s);
      if (s != -kInfinity || sabotaged(Sabotage::MinusInfScoreKept)) kept_.push_back({column, s});
    }
  }

  /// Turns scores into normalised weights. Returns lse; `*top` becomes the largest score, or NaN where one is NaN.
  double softmax(std::optional<double> sink, double* top) {
    *top = -kInfinity;
    for (const KeptPair& pair : kept_)
      if (std::isnan(pair.weight) && !sabotaged(Sabotage::MaxScoresIgnoresNan)) *top = kNan;
      else if (pair.weight > *top) *top = pair.weight;
    bool any_nan = sink && std::isnan(*sink);
    for (const KeptPair& pair : kept_) any_nan |= std::isnan(pair.weight);
    const double shift = sink ? std::max(*top, *sink) : *top;
    if (any_nan || shift == kInfinity) {  // poisoned: exp(inf - inf) and every sum with a NaN are NaN
      for (KeptPair& pair : kept_) pair.weight = kNan;
      return any_nan ? kNan : kInfinity;
    }
    return rounded() ? normalise<float>(sink, shift) : normalise<double>(sink, shift);
  }

  template <class Real>
  double normalise(std::optional<double> sink, double shift) {
    Real sum = 0;
    for (KeptPair& pair : kept_) {
      const Real weight = std::exp(static_cast<Real>(pair.weight) - static_cast<Real>(shift));
      pair.weight = weight;
      sum += weight;
    }
    if (sink && !sabotaged(Sabotage::SinkNotInDenominator)) sum += std::exp(static_cast<Real>(*sink) - static_cast<Real>(shift));
    for (KeptPair& pair : kept_) {
      pair.weight = static_cast<Real>(pair.weight) / sum;
      if (rounded()) pair.weight = round(pair.weight);
    }
    return static_cast<Real>(shift) + (sabotaged(Sabotage::LseInLog2) ? std::log2(sum) : std::log(sum));
  }

  template <class Real>
  void accumulate() {
    const auto width = static_cast<std::size_t>(shape_.value_dim);
    std::fill(out_row_.begin(), out_row_.end(), 0.0);
    for (const KeptPair& pair : kept_) {
      const double* v = v_.data() + static_cast<std::size_t>(pair.column) * width;
      for (std::size_t i = 0; i < width; ++i)
        out_row_[i] = static_cast<Real>(out_row_[i]) + static_cast<Real>(static_cast<Real>(pair.weight) * static_cast<Real>(v[i]));
    }
  }

  void run_row(std::int64_t b, std::int64_t h, std::int64_t row) {
    q_row_.resize(static_cast<std::size_t>(shape_.head_dim));
    const std::int64_t q_base = offset_of(call_.q, b, h, row);
    for (std::int64_t i = 0; i < shape_.head_dim; ++i) q_row_[static_cast<std::size_t>(i)] = load_as_double(call_.q, q_base + i * call_.q.strides[3]);
    collect(b, h, row);
    std::optional<double> sink;
    if (!call_.sink.absent()) sink = load_as_double(call_.sink, h * call_.sink.strides[0]);
    double top = -kInfinity, lse = -kInfinity;
    if (!kept_.empty()) lse = softmax(sink, &top);
    else if (sabotaged(Sabotage::EmptyRowIsNan)) lse = kNan;
    else if (sink && !sabotaged(Sabotage::SinkForgottenInEmptyRow)) lse = *sink;
    if (sabotaged(Sabotage::MaxScoresIncludesSink) && sink) top = std::max(top, *sink);

    if (rounded()) accumulate<float>();
    else accumulate<double>();
    const std::int64_t out_base = offset_of(call_.out, b, h, row);
    for (std::size_t i = 0; i < out_row_.size(); ++i)
      store(call_.out, out_base + static_cast<std::int64_t>(i) * call_.out.strides[3], rounded() ? round(out_row_[i]) : out_row_[i]);
    if (!call_.lse.absent()) store(call_.lse, offset_of(call_.lse, b, h, row), lse);
    if (!call_.max_scores.absent()) store(call_.max_scores, offset_of(call_.max_scores, b, h, row), top);
  }

  const AttentionCall& call_;
  const Shape& shape_;
  std::optional<Evaluator> score_, mask_;
  std::int64_t b_ = -1, kv_head_ = -1;
  std::vector<double> k_, v_, q_row_, out_row_;
  std::vector<KeptPair> kept_;
};

Result<Shape> shape_of(const AttentionCall& call) {
  const auto internal = [](const char* what) { return std::unexpected(Error{ErrorKind::Internal, fmt::format("oracle: inconsistent call: {}", what)}); };
  for (const TensorView* view : {&call.q, &call.k, &call.v, &call.out})
    if (view->rank() != 4 || view->strides.size() != 4) return internal("q, k, v and out must have four dimensions");
  const Shape s{call.q.shape[0], call.q.shape[1], call.k.shape[1], call.q.shape[2], call.k.shape[2], call.q.shape[3], call.v.shape[3]};
  const auto batch_fits = [&](const TensorView& view) { return view.shape[0] == s.batch || view.shape[0] == 1; };
  if (!batch_fits(call.k) || !batch_fits(call.v)) return internal("the batch of k and v must be q's, or 1");
  if (s.kv_heads < 1 || s.heads % s.kv_heads != 0 || call.v.shape[1] != s.kv_heads) return internal("the heads of q must be a multiple of those of k and v");
  if (call.k.shape[3] != s.head_dim || call.v.shape[2] != s.kv_len) return internal("k and v do not fit q and each other");
  if (call.out.shape != std::vector<std::int64_t>{s.batch, s.heads, s.q_len, s.value_dim}) return internal("the shape of out");
  for (const TensorView* view : {&call.lse, &call.max_scores})
    if (!view->absent() && view->shape != std::vector<std::int64_t>{s.batch, s.heads, s.q_len}) return internal("the shape of lse or max_scores");
  if (!call.sink.absent() && call.sink.shape != std::vector<std::int64_t>{s.heads}) return internal("the shape of sink");
  for (const TensorView* view : {&call.out, &call.lse, &call.max_scores})
    if (!view->absent() && view->dtype != DType::F32 && view->dtype != DType::F64) return internal("outputs must be f32 or f64");
  return s;
}

/// The gather out of range of the first task that had one, so that the report does not depend on the threads.
struct FirstFault {
  std::mutex mutex;
  std::atomic<std::int64_t> task{std::numeric_limits<std::int64_t>::max()};
  GatherFault fault;

  void report(std::int64_t of_task, const GatherFault& found) {
    const std::lock_guard lock(mutex);
    if (of_task >= task) return;
    task = of_task;
    fault = found;
  }
};

}  // namespace

Result<void> evaluate_attention(const NormalForm& form, const Environment& environment, const AttentionCall& call) {
  const auto fresh_sizes = bind_dims(form, environment);
  if (!fresh_sizes) return std::unexpected(fresh_sizes.error());
  const auto shape = shape_of(call);
  if (!shape) return std::unexpected(shape.error());

  const std::int64_t chunks = (shape->q_len + kRowsPerTask - 1) / kRowsPerTask, tasks = shape->batch * shape->heads * chunks;
  std::atomic<std::int64_t> next_task{0}, finished{0};
  FirstFault first_fault;
  // A row's arithmetic is its own, so which thread takes it changes no bit.
  const auto work = [&](bool is_caller) {
    Worker worker(form, environment, *fresh_sizes, call, *shape);
    for (std::int64_t task; (task = next_task++) < tasks && task < first_fault.task;) {
      const std::int64_t head = task / chunks, first = task % chunks * kRowsPerTask;
      worker.run_rows(head / shape->heads, head % shape->heads, first, std::min(first + kRowsPerTask, shape->q_len));
      ++finished;
      if (call.checked && worker.fault()) return first_fault.report(task, *worker.fault());
      if (is_caller && call.progress) call.progress(static_cast<double>(finished) / static_cast<double>(tasks));
    }
  };
  std::vector<std::thread> helpers;
  for (std::int64_t i = 1; i < std::min<std::int64_t>(call.threads, tasks); ++i) {
    try {
      helpers.emplace_back(work, false);
    } catch (const std::system_error&) {
      break;  // fewer threads do the same work
    }
  }
  work(true);
  for (std::thread& helper : helpers) helper.join();

  if (first_fault.task != std::numeric_limits<std::int64_t>::max()) {
    const GatherFault& fault = first_fault.fault;
    const TensorView& view = environment.captures[fault.capture];
    return std::unexpected(Error{ErrorKind::Input,
                                 fmt::format("capture \"{}\": index {} of dimension {} is out of range (its size is {}; shape [{}])", form.captures[fault.capture].name,
                                             fault.index, fault.axis, view.shape[fault.axis], fmt::join(view.shape, ", "))});
  }
  if (call.progress) call.progress(1.0);
  return {};
}

}  // namespace flexc::dsl
