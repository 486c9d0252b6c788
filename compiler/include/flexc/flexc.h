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
#include "flexc/engine.h"
#include "flexc/error.h"
#include "flexc/kernel.h"
#include "flexc/tensor.h"

namespace flexc {

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

/// Which template a CUDA kernel is made of.
enum class CudaKernelChoice : std::uint8_t {
  Auto,    ///< Hopper's, where it takes the dtype and head dims; else the plain one
  Hopper,  ///< sm_90a: bf16 and f16, head dims up to 256
  Simt,    ///< the plain one: sm_80 and up, f32 too, value dims up to 512
};

/// Which member of a variant's family Variant::emit_kernel makes.
struct EmitOptions {
  DType dtype = bf16;
  std::int64_t head_dim = 64;
  std::int64_t value_dim = 0;  ///< 0: as head_dim
  CudaKernelChoice kernel = CudaKernelChoice::Auto;
  std::string architecture = {};  ///< "sm_90": of the plain kernel; empty: sm_80
  bool in_steps = false;     ///< the Hopper kernel for positions in other steps than 1 (RunArguments::q_step); the plain one is for any
  bool in_child = false;     ///< NVRTC in a process of its own, with limits on time and memory
  std::string gallery_name;  ///< for the header of the generated text; empty for a variant that is in no gallery
  bool disk_cache = true;    ///< whether the stages cubin and sass take a kernel from the cache on disk, and keep it there (docs/cache.md)
  std::function<void(std::string_view)> on_warning = {};  ///< as EngineOptions::on_warning
};

/// Where a kernel came from.
enum class KernelOrigin : std::uint8_t { Memory, Disk, Compiled };
/// "memory", "disk", "compiled".
std::string_view name_of(KernelOrigin origin);

/// What the compiler found out about a variant's mods.
struct VariantFacts {
  std::string score_class;      ///< "identity", "affine" or "general"
  bool has_band = false;        ///< kernels compute which keys a row can keep, as at most two intervals, with no metadata
  bool has_residual = false;    ///< and there is more to the mask than the intervals say
  unsigned launch_values = 0;   ///< hoisted: evaluated on the host, once a call
  unsigned column_values = 0;   ///< hoisted: 32-bit words a key, once a tile
};

/// A kernel at one stage. The numbers are 0 for stage "cuda", which compiles nothing.
struct EmittedKernel {
  std::string bytes;  ///< text, or the cubin
  CudaKernelChoice kernel = CudaKernelChoice::Hopper;  ///< which template it was made of
  std::string architecture;                            ///< what it was compiled for: "sm_90a"
  unsigned registers = 0, spill_bytes = 0;
  unsigned smem_bytes = 0;  ///< of a launch, dynamic shared memory included
  KernelOrigin origin = KernelOrigin::Compiled;
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
  /// `stage` "cuda", "ptx", "cubin" or "sass": a CUDA kernel at any stage, and what is known of it. Environment where NVRTC (or, for
  /// sass, nvdisasm) is missing, or where no template takes the dtype and head dim. Undeclared captures are assumed f32.
  std::expected<EmittedKernel, CompileError> emit_kernel(std::string_view stage, const EmitOptions& options) const;
  /// Environment where the compiler library is missing. Undeclared captures are assumed f32.
  std::expected<VariantFacts, CompileError> facts() const;
  /// The identity: XXH3-128 of the normal form. All zero while captures have no type.
  std::array<std::uint64_t, 2> hash() const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Variant(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
  friend struct VariantAccess;
};

}  // namespace flexc
