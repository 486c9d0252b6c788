// Engine: where kernels come from. A host with the compiler includes flexc/flexc.h, which has this and Variant; a host that only loads
// bundles needs no more than this header and links flexc::runtime alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "flexc/bundle.h"
#include "flexc/dtype.h"
#include "flexc/error.h"
#include "flexc/kernel.h"

namespace flexc {

class Variant;
struct CompileError;

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

struct EngineOptions {
  std::string cache_dir = {};  ///< empty: $FLEXC_CACHE_DIR, $XDG_CACHE_HOME/flexc or $HOME/.cache/flexc (docs/cache.md)
  bool disk_cache = true;      ///< whether kernels, and masks that took over 10 ms to build, are kept on disk; in memory they always are
  std::uint64_t cache_bytes = std::uint64_t{1} << 30;  ///< all entries on disk together; the least recently used go first
  std::uint64_t mask_cache_bytes = std::uint64_t{64} << 20;  ///< block masks in memory together, likewise; 0 keeps none
  /// What went wrong without spoiling an answer, such as a cache that cannot be used: one sentence. Called from any thread; empty:
  /// nobody is told.
  std::function<void(std::string_view)> on_warning = {};
  /// Every kernel compiled leaves its stages here, in files named by the variant's hash; empty: $FLEXC_DUMP, and nowhere where
  /// that is not set. A directory that cannot be written makes compile() fail.
  std::string dump_dir = {};
};

/// What an engine has done since it was made: counts that only grow.
struct EngineStatistics {
  std::uint64_t kernels_made = 0;  ///< kernels that memory did not have and that were made; what failed is not counted
  std::uint64_t compilations = 0;  ///< of mods to machine code, a call's first need of 64-bit integers included
  std::uint64_t disk_hits = 0;     ///< machine code that was found on disk instead
};

/// Compiles and caches kernels, and loads those that were compiled ahead of time. Thread-safe; several can live in one process.
class Engine {
 public:
  explicit Engine(EngineOptions options = {});
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  /// Needs flexc::flexc: it is declared here and stands in the compiler's library.
  std::expected<std::shared_ptr<const Kernel>, CompileError> compile(const Variant& variant, const CompileOptions& options = {});

  /// Kernels that `flexc compile` wrote (docs/aot.md). The file is read whole and verified; one that is damaged, cut off, of another format or
  /// for other machines is refused whole: an Error of kind Input that says which.
  Result<Bundle> load_bundle(const std::string& path) const;
  /// The same from memory, which is copied. `name` is for messages.
  Result<Bundle> load_bundle(std::span<const std::byte> bytes, const std::string& name = "in memory") const;

  /// In a program that has warmed up, a call that changes lengths, batch, heads, strides, params or captures changes none of these.
  EngineStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "0.1.0"
std::string_view version();

}  // namespace flexc
