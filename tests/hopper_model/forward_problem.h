// Attention problems for the forward kernel on the model, and what their answers are judged by.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "flexc/block_mask.h"
#include "runtime/cuda/mask_metadata.h"
#include "templates/hopper/launch.h"
#include "templates/hopper/tile.h"
#include "templates/model/forward_plan.h"
#include "templates/model/simulator.h"

namespace hopper_model {

namespace model = flexc::model;

// A compiled kernel: its tile, and what a thread runs. `arguments` is a KernelArguments.
struct KernelArguments {
  flexc_hopper_arguments arguments;
};
struct ForwardKernel {
  const char* name;
  flexc::device::Element element;
  uint32_t m, n, d, dv, threads, shared_bytes;
  model::KernelEntry entry;
  bool descending;
  // The mod as f64: the modified score of a pair, and whether it is kept.
  double (*score)(double score, int b, int h, int q, int kv);
  bool (*keep)(int b, int h, int q, int kv);
};
const std::vector<ForwardKernel>& forward_kernels();
const ForwardKernel& forward_kernel(const std::string& name);

// Two CTAs, which share the items.
inline model::LaunchOptions schedule(model::Policy policy, uint64_t seed) {
  model::LaunchOptions options;
  options.blocks = 2;
  options.policy = policy;
  options.seed = seed;
  return options;
}

class ForwardProblem {
 public:
  ForwardProblem(const ForwardKernel& kernel, int batch, int heads, int kv_heads, int q_len, int kv_len, uint64_t seed = 1);

  // Makes the logit of a pair, in the log2 domain, row(q) * column(kv), but for rounding to the kernel's type.
  void set_scores(const std::function<double(int q)>& row, const std::function<double(int kv)>& column);
  // A sink for every head, in natural units.
  void set_sink(float sink) { sink_.assign(static_cast<size_t>(shape_.heads), sink); }
  // The keys in so many parts, and the largest scores too, for the runs that follow.
  void set_split(int64_t split) { shape_.split = split; }
  void ask_max_scores() { max_scores_.resize(lse_.size()); }
  // Looks at the launch between the kernel and the merging of the parts; it may spoil what they left.
  void set_between(std::function<void(flexc_hopper_arguments&)> between) { between_ = std::move(between); }
  // The tensors of one batch of another problem with the same lengths and heads.
  void take_batch(const ForwardProblem& from, int batch);
  // One element of V, as a number of the kernel's type.
  void set_value(int kv_row, int column, double value) { v_[static_cast<size_t>(kv_row) * kernel_.dv + static_cast<size_t>(column)] = narrow(value); }
  // The runs that follow get it; null: none. `group_heads` as plan_forward takes it.
  void set_mask(const flexc::BlockMask* mask, uint32_t group_heads = 0);
  // As the kernel is given it: a test may falsify it.
  flexc::runtime::MaskMetadata& metadata() { return *metadata_; }
  // Lengths, batches and heads of the problem, for masks.
  flexc::BlockMask frame(int32_t block_q, int32_t block_kv) const;
  flexc::BlockMask exact_mask(int32_t block_q, int32_t block_kv) const;

  // Runs the kernel; the output, and lse, are in out() and lse().
  model::LaunchResult run(model::LaunchOptions options) { return launch(options, nullptr); }
  // A launch of the plain kernel for the items alone that are marked.
  model::LaunchResult run_marked(model::LaunchOptions options, const std::vector<unsigned>& marked) { return launch(options, &marked); }
  const std::vector<uint16_t>& out() const { return out_; }
  const std::vector<float>& lse() const { return lse_; }
  const std::vector<float>& max_scores() const { return max_scores_; }
  float out_value(int row, int column) const { return widen(out_[static_cast<size_t>(row) * kernel_.dv + static_cast<size_t>(column)]); }
  // How many warps' outputs the kernel reported as not finite.
  unsigned non_finite_warps() const { return workspace_[kFlexcWorkNonFinite]; }
  // Empty, or how the output misses the field's rule (FlashAttention-3's: at most twice the error of the same computation in the tested type).
  std::string judge();

 private:
  struct Reference {
    std::vector<double> out, lse, rounded_out, most;
  };
  const Reference& reference();
  KernelArguments plan();
  model::LaunchResult launch(model::LaunchOptions options, const std::vector<unsigned>* marked);
  float widen(uint16_t bits) const;
  uint16_t narrow(double value) const;

  const ForwardKernel& kernel_;
  model::ForwardShape shape_;
  std::vector<uint16_t> q_, k_, v_, out_;
  std::vector<float> lse_, sink_, max_scores_;
  std::vector<flexc_row_state> partial_rows_;
  std::vector<flexc_quad> partial_outputs_;
  std::function<void(flexc_hopper_arguments&)> between_;
  std::vector<unsigned> workspace_;
  Reference reference_;
  std::optional<flexc::runtime::MaskMetadata> metadata_;
  uint32_t group_heads_ = 0;
  model::Simulator simulator_;
};

}  // namespace hopper_model
