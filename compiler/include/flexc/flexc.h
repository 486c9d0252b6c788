// flexc: compile and run attention variants. This is the whole host interface; the command line uses nothing else.
//
//   flexc::Engine engine;
//   auto variant = flexc::Variant::parse(text);
//   auto kernel  = engine.compile(*variant, {.dtype = flexc::f32, .head_dim = 64, .device = flexc::Device::oracle()});
//   flexc::Captures captures;
//   captures.set("slopes", flexc::TensorView(slopes.data(), flexc::f32, {heads}));
//   auto status  = (*kernel)->run({.q = q, .k = k, .v = v, .out = o, .captures = captures});
//
// Nothing here prints, aborts or throws on bad input: every call that can fail returns a std::expected.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/block_mask.h"
#include "flexc/diagnostic.h"
#include "flexc/dtype.h"
#include "flexc/error.h"
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

struct ParseOptions {
  std::string name = "<variant>";  ///< file name for messages
  /// Replacements for consts: name → text of a constant expression. An unknown name is a diagnostic.
  std::map<std::string, std::string, std::less<>> consts = {};
};

/// Why a compilation failed: an Error always; diagnostics where the variant's text is at fault.
struct CompileError {
  Error error;
  std::optional<Diagnostics> diagnostics;
};

/// Which member of a variant's family Variant::emit_kernel makes.
struct EmitOptions {
  DType dtype = bf16;
  std::int64_t head_dim = 64;
  bool in_child = false;     ///< NVRTC in a process of its own, with limits on time and memory
  std::string gallery_name;  ///< for the header of the generated text; empty for a variant that is in no gallery
};

/// A kernel at one stage. The numbers are 0 for stage "cuda", which compiles nothing.
struct EmittedKernel {
  std::string bytes;  ///< text, or the cubin
  unsigned registers = 0, spill_bytes = 0;
  unsigned smem_bytes = 0;  ///< of a launch, dynamic shared memory included
};

/// A parsed variant: names, syntax and structure are right; types are too unless captures are undeclared. Immutable, cheap to
/// copy, safe to share between threads.
class Variant {
 public:
  static std::expected<Variant, Diagnostics> parse(std::string_view text, ParseOptions options = {});
  /// Bare expressions over score b h q_idx kv_idx; an empty one is left out. Undeclared names are captures.
  static std::expected<Variant, Diagnostics> from_expressions(std::string_view score, std::string_view mask, ParseOptions options = {});

  struct Capture {
    std::string name;
    DType dtype = DType::F32;
    std::vector<std::string> dims;  ///< as written: "H", "64", "pages"; "" where undeclared
    bool declared = true;
    bool used = true;
  };
  struct Param {
    std::string name;
    DType dtype = DType::I32;
    bool has_default = false;
  };
  std::vector<Capture> captures() const;
  std::vector<Param> params() const;
  bool has_score_mod() const;
  bool has_mask_mod() const;
  /// Warnings found so far; empty when there are none.
  const Diagnostics& warnings() const;
  /// Everything that can be said without the captures: the warnings, and for undeclared captures what follows from assuming
  /// f32 (a warning each, that says how to declare it; possibly errors).
  Diagnostics check() const;
  /// `stage` "ast", "normal", "ir", "opt", "tile", "llvm" or "asm" (for this machine), as text. Undeclared captures are assumed f32.
  std::expected<std::string, CompileError> emit(std::string_view stage) const;
  /// `stage` "cuda", "ptx", "cubin" or "sass": a Hopper kernel (sm_90a) at any stage, and what is known of it. Environment where NVRTC (or, for
  /// sass, nvdisasm) is missing, or where no template takes the dtype and head dim. Undeclared captures are assumed f32.
  std::expected<EmittedKernel, CompileError> emit_kernel(std::string_view stage, const EmitOptions& options) const;
  /// The identity: XXH3-128 of the normal form. All zero while captures have no type.
  std::array<std::uint64_t, 2> hash() const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Variant(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
  friend struct VariantAccess;
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

struct CompileOptions {
  DType dtype = DType::F32;  ///< of q, k, v and out: f32, f16 or bf16
  std::int64_t head_dim = 64;
  std::int64_t value_dim = 0;  ///< 0: as head_dim
  Device device = {};
  /// Types of undeclared captures (name → dtype and rank).
  struct CaptureType {
    DType dtype = DType::F32;
    int rank = 0;
  };
  std::map<std::string, CaptureType, std::less<>> captures = {};
};

/// Extents of a block mask. Positions are q_offset + row and kv_offset + column; q_total and kv_total are what Q and KV mean
/// inside mods (0: offset + length).
struct MaskShape {
  std::int64_t batch = 1, heads = 1, q_len = 0, kv_len = 0;
  std::int64_t kv_heads = 0;  ///< 0: as heads
  std::int64_t q_offset = 0, kv_offset = 0, q_total = 0, kv_total = 0;
  std::int32_t block_q = 128, block_kv = 128;
  /// Proof alone; with samples and bisection to four levels; down to single pairs (equals brute force).
  enum class Refine : std::uint8_t { None, Default, Exact } refine = Refine::Default;
};

struct MaskReport {
  std::int64_t kept_pairs = -1;  ///< −1 unless the refinement was exact
  double build_s = 0;            ///< proving, sampling and storing; compilation apart
  std::int64_t evaluations = 0;       ///< of the mask over ranges of pairs
  std::int64_t pair_evaluations = 0;  ///< of the mask at single pairs
  /// "constant", "band" (one evaluation a block of rows), "diagonal" (one a diagonal) or "descent" (coarse regions first).
  std::string method = {};
  bool budget_exhausted = false;      ///< the search was ended; tiles that it did not reach are partial
};

/// One attention call. On CUDA every tensor is in the GPU's memory (flexc/cuda_memory.h), captures too, and the call returns when the work is on the
/// stream. Shapes: q [B,H,Q,D], k [B or 1,HKV,KV,D], v [B or 1,HKV,KV,DV], out [B,H,Q,DV] in q's dtype (or f32);
/// lse and max_scores f32 [B,H,Q]; sink f32 [H]. H is a multiple of HKV; the last stride of q, k, v, out is 1.
struct RunArguments {
  TensorView q = {}, k = {}, v = {}, out = {};
  TensorView lse = {}, max_scores = {}, sink = {};  ///< optional
  Captures captures = {};
  const BlockMask* mask = nullptr;   ///< optional, from block_mask(); without it every tile is partial; changes no bit
  std::optional<double> scale = {};  ///< default 1/√D; finite
  std::int64_t q_offset = 0, kv_offset = 0, q_total = 0, kv_total = 0;
  bool checked = false;              ///< gathers out of range are an Error
  int threads = 0;                   ///< 0: all cores; changes no bit
  std::function<void(double)> progress = {};  ///< finished share, for long calls; may be empty
  /// CUDA: Kernel::workspace_bytes(…) of the GPU's memory, not shared with a call that may run at the same time; null: allocated and freed in the
  /// order of the stream.
  void* workspace = nullptr;
};

/// A variant compiled for a dtype, head dims and a device. Immutable and thread-safe.
class Kernel {
 public:
  virtual ~Kernel() = default;
  /// `stream` is a CUstream on CUDA; elsewhere it is ignored and the call is synchronous.
  virtual Result<void> run(const RunArguments& arguments, void* stream = nullptr) const = 0;
  /// Which tiles are empty, partial and full for these captures.
  virtual Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report = nullptr) const = 0;
  virtual Device device() const = 0;
  /// What RunArguments::workspace has to hold for a call of these shapes; 0 where none is needed.
  virtual std::size_t workspace_bytes(const RunArguments&) const { return 0; }
};

struct EngineOptions {
  std::string cache_dir = {};  ///< empty: $FLEXC_CACHE_DIR, $XDG_CACHE_HOME/flexc or $HOME/.cache/flexc (docs/cache.md)
  bool disk_cache = true;      ///< whether kernels are kept on disk; in memory they always are
  std::uint64_t cache_bytes = std::uint64_t{1} << 30;  ///< all entries on disk together; the least recently used go first
  /// What went wrong without spoiling an answer, such as a cache that cannot be used: one sentence. Called from any thread; empty:
  /// nobody is told.
  std::function<void(std::string_view)> on_warning = {};
  /// Every kernel compiled leaves its stages here, in files named by the variant's hash; empty: $FLEXC_DUMP, and nowhere where
  /// that is not set. A directory that cannot be written makes compile() fail.
  std::string dump_dir = {};
};

/// Compiles and caches kernels. Thread-safe; several can live in one process.
class Engine {
 public:
  explicit Engine(EngineOptions options = {});
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  std::expected<std::shared_ptr<const Kernel>, CompileError> compile(const Variant& variant, const CompileOptions& options = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "auto", "cpu", "cuda", "model" or "oracle".
std::string_view name_of(Device device);

/// "0.1.0"
std::string_view version();

}  // namespace flexc
