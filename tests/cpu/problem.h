// A call with its tensors: drawn, laid out, run through the kernel, and judged against the reference.
#pragma once

#include <string>
#include <vector>

#include "templates/cpu/attention.h"
#include "tests/cpu/reference.h"
#include "tests/cpu/variants.h"

namespace flexc::cpu_test {

/// How a tensor lies in memory: row-major; with gaps after rows and heads; or [batch, row, head, width], as projections leave it.
enum class Layout { Dense, Padded, Transposed };

/// A tensor of any float type with a layout; what no element covers is NaN.
class Tensor {
 public:
  Tensor(DType type, std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t width, Layout layout);
  double get(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) const;
  void set(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i, double value);
  void fill_normal(std::uint64_t seed);
  std::vector<double> dense() const;
  /// With a batch step of 0 where a batch of 1 is to serve all.
  cpu::Input input(bool broadcast) const;
  cpu::Output output();
  const std::vector<std::byte>& bytes() const { return memory_; }

 private:
  std::int64_t offset(std::int64_t b, std::int64_t h, std::int64_t row) const {
    return first_ + b * strides_.batch + h * strides_.head + row * strides_.row;
  }
  DType type_;
  std::int64_t batch_, heads_, rows_, width_, first_ = 0;
  cpu::Strides strides_;
  std::vector<std::byte> memory_;
};

struct Setting {
  DType dtype = DType::F32;
  Layout layout = Layout::Dense;
  std::uint64_t seed = 1;
  bool with_sink = false;
  double scale = 0;  ///< 0: 1 / sqrt(head_dim)
  std::int64_t split = 0;
};

struct RunOptions {
  std::string target;  ///< of cpu::kernel_targets(), or of emulated_kernels.h
  int threads = 1;
  const BlockMask* mask = nullptr;
  const flexc_row_module* module = nullptr;  ///< in place of the variant's
};

/// What a run wrote.
struct Result {
  std::vector<double> out;
  std::vector<float> lse, max_scores;
  std::vector<std::byte> bytes;  ///< out's memory with its gaps
};

class Problem {
 public:
  Problem(const Shape& shape, const Variant& variant, const Setting& setting);

  Tensor q, k, v;
  std::vector<float> sink;

  /// All but the outputs, the mask and the instruction set. Points into this object.
  cpu::AttentionArguments arguments() const;
  Result run(const RunOptions& options = {}) const;
  ReferenceOutput reference() const;
  DType dtype() const { return setting_.dtype; }
  /// Classified pair by pair; `kept_pairs` may be null.
  BlockMask block_mask(std::int32_t block_q, std::int32_t block_kv, std::int64_t* kept_pairs = nullptr) const;
  /// An empty text, or the first value beyond the bound (2e-5 + 1e-4 |ref|) max(1, max|s| / 64), widened by half a unit in the last
  /// place of a 16-bit output. Where the reference is not finite, so must the result be; NaN and infinities of lse and max_scores must agree.
  std::string compare(const Result& result, const ReferenceOutput& reference) const;

 private:
  Shape shape_;
  const Variant& variant_;
  Setting setting_;
  Bindings bindings_;
};

/// The instruction sets to test: all that this machine has, and the emulated matrix unit.
std::vector<std::string> targets();

/// Whether two runs agree to the bit; zeros too.
bool same_bits(const Result& a, const Result& b);

}  // namespace flexc::cpu_test
