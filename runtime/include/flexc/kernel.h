// Kernel: a variant made ready for a dtype, head dims and a device, and what a call of it takes. Engine::compile makes them, and a Bundle
// holds them ready-made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/block_mask.h"
#include "flexc/dtype.h"
#include "flexc/error.h"
#include "flexc/positions.h"
#include "flexc/tensor.h"

namespace flexc {

/// Where a kernel runs. Automatic is CUDA where a GPU of compute capability 9.0, its driver and a kernel for the dtype and head dims are, else the CPU, and
/// the oracle where the CPU back end cannot run (no AVX2, or libflexc_ir is not installed); Kernel::device() says which it became.
struct Device {
  enum class Kind : std::uint8_t { Auto, Cpu, Cuda, Model, Oracle } kind = Kind::Auto;
  static Device automatic() { return {Kind::Auto}; }
  static Device cpu() { return {Kind::Cpu}; }
  static Device cuda() { return {Kind::Cuda}; }      ///< not yet run on a GPU
  static Device model() { return {Kind::Model}; }    ///< the Hopper kernel on the host model
  static Device oracle() { return {Kind::Oracle}; }  ///< the float64 interpreter
};

/// Tensors and scalars that a variant's mods read, by name. Borrows the tensors' memory.
class Captures {
 public:
  void set(std::string name, TensorView tensor) { tensors_.insert_or_assign(std::move(name), std::move(tensor)); }
  void set_param(std::string name, std::int64_t value) { params_.insert_or_assign(std::move(name), Scalar{.integer = value}); }
  void set_param(std::string name, int value) { set_param(std::move(name), static_cast<std::int64_t>(value)); }
  void set_param(std::string name, double value) { params_.insert_or_assign(std::move(name), Scalar{.real = value, .is_real = true}); }

  struct Scalar {
    std::int64_t integer = 0;
    double real = 0;
    bool is_real = false;
  };
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const std::map<std::string, Scalar, std::less<>>& params() const { return params_; }

 private:
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, Scalar, std::less<>> params_;
};

/// Extents of a block mask. Positions are q_offset + q_step·row and kv_offset + kv_step·column; q_total and kv_total are what Q and KV mean
/// inside mods (0: the last position + 1).
struct MaskShape {
  std::int64_t batch = 1, heads = 1, q_len = 0, kv_len = 0;
  std::int64_t kv_heads = 0;  ///< 0: as heads
  std::int64_t q_offset = 0, kv_offset = 0, q_total = 0, kv_total = 0;
  std::int64_t q_step = 1, kv_step = 1;  ///< at least 1
  std::int32_t block_q = 128, block_kv = 128;
  /// Proof alone; with samples and bisection to four levels; down to single pairs (equals brute force).
  enum class Refine : std::uint8_t { None, Default, Exact } refine = Refine::Default;
  bool cached = true;  ///< whether a mask that the engine has built before from equal captures may be the answer
  bool explain = false;  ///< compares with the exact tiles, at the cost of an exact build, and fills MaskReport::undecided
};

/// What left tiles undecided: an operation whose values in such a tile are fewer than could be proved.
struct UndecidedCause {
  std::string expression = {};             ///< as the tile program has it, after the rewrites
  std::vector<std::string> captures = {};  ///< that it reads
  std::int64_t tiles = 0;                  ///< of those that were looked at
  std::int64_t q_idx = 0, kv_idx = 0;      ///< the first pair of one of them
  bool in_rows = false;  ///< it decides each tile alone, but a band is asked about a whole block of rows at once
};

struct MaskReport {
  std::int64_t kept_pairs = -1;  ///< −1 unless the refinement was exact
  double build_s = 0;            ///< proving, sampling and storing, or finding it in the cache; compilation apart
  std::int64_t evaluations = 0;       ///< of the mask over ranges of pairs
  std::int64_t pair_evaluations = 0;  ///< of the mask at single pairs
  /// "constant", "band" (one evaluation a block of rows), "diagonal" (one a diagonal) or "descent" (coarse regions first).
  std::string method = {};
  bool budget_exhausted = false;      ///< the search was ended; tiles that it did not reach are partial
  std::int64_t undecided_tiles = -1;    ///< called partial, and not truly so; −1 unless explained
  std::int64_t undecided_examined = 0;  ///< how many of them were looked at for the causes
  std::vector<UndecidedCause> undecided = {};  ///< the most tiles first
  std::string source = {};            ///< "built", or where an equal mask was found: "memory", "disk". It took no evaluations then
};

/// One attention call. On CUDA every tensor is in the GPU's memory (flexc/cuda_memory.h), captures too, and the call returns when the work is on the
/// stream. Shapes: q [B,H,Q,D], k [B or 1,HKV,KV,D], v [B or 1,HKV,KV,DV], out [B,H,Q,DV] in q's dtype (or f32; not on CUDA);
/// lse and max_scores f32 [B,H,Q]; sink f32 [H]. H is a multiple of HKV; the last stride of q, k, v, out is 1. No output has a stride of 0.
struct RunArguments {
  TensorView q = {}, k = {}, v = {}, out = {};
  TensorView lse = {}, max_scores = {}, sink = {};  ///< optional
  Captures captures = {};
  const BlockMask* mask = nullptr;   ///< optional, from block_mask(); without it every tile is partial; changes no bit. On CUDA refused in a stream that is being captured
  std::optional<double> scale = {};  ///< default 1/√D; finite
  /// Positions are q_offset + q_step·row and kv_offset + kv_step·column, with steps of at least 1 (flexc/positions.h); q_total and kv_total are what Q
  /// and KV mean inside mods (0: the last position + 1, without rows the offset). On CUDA and on the host model the first call in
  /// other steps than 1 compiles a kernel for them; a bundle has one with the feature `steps`, else it takes the plain kernel.
  std::int64_t q_offset = 0, kv_offset = 0, q_total = 0, kv_total = 0;
  std::int64_t q_step = 1, kv_step = 1;
  bool checked = false;              ///< gathers out of range are an Error, and so is a mask that does not belong to the call
  int threads = 0;                   ///< at most; 0: all cores; changes no bit
  /// Parts that the keys are cut into, by position (at most as many as the device has tiles); their results are merged in order. 0: as
  /// the shape suggests. With the same number a row's bits do not depend on the batch. The oracle cuts nothing.
  std::int64_t split = 0;
  std::function<void(double)> progress = {};  ///< finished share, for long calls; may be empty
  /// CUDA: Kernel::workspace_bytes(…) of the GPU's memory, not shared with a call that may run at the same time; null: allocated and freed in the
  /// order of the stream.
  void* workspace = nullptr;
};

/// "auto", "cpu", "cuda", "model" or "oracle".
std::string_view name_of(Device device);

/// A variant compiled for a dtype, head dims and a device. Immutable and thread-safe.
class Kernel {
 public:
  virtual ~Kernel() = default;
  /// `stream` is a CUstream on CUDA; elsewhere it is ignored and the call is synchronous.
  virtual Result<void> run(const RunArguments& arguments, void* stream = nullptr) const = 0;
  /// Which tiles are empty, partial and full for these captures. A mask is a value: captures that changed need a new one. Engines keep
  /// masks by a digest of what the mask_mod reads (docs/cache.md). On CUDA captures may be in the GPU's memory, where they stay (docs/contracts.md).
  virtual Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report = nullptr) const = 0;
  virtual Device device() const = 0;
  /// Which kernel takes such a call: on CUDA and on the host model "hopper", or "simt" for the plain one (templates/simt), elsewhere the device's name. Empty
  /// for a call that `run` refuses.
  virtual std::string_view kernel_of(const RunArguments&) const { return name_of(device()); }
  /// What RunArguments::workspace has to hold for a call of these shapes; 0 where none is needed.
  virtual std::size_t workspace_bytes(const RunArguments&) const { return 0; }
};

}  // namespace flexc
