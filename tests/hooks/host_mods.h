// Emits many variants into one translation unit, compiles it with the host's C++ compiler, and calls it: the text that a GPU would run.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "compiler/emit/cuda/hooks_source.h"
#include "flexc/dsl/evaluate.h"
#include "tests/hooks/host_entry.h"

namespace flexc {

/// One variant's emitted mods, compiled.
struct EmittedMod {
  compiler::CudaHooks hooks;
  const flexc_test::HostMod* code = nullptr;

  /// The Params words of one call, the launch level by the launch program; empty where the call does not fit the layout.
  std::vector<std::uint64_t> params(const dsl::NormalForm& form, const dsl::Environment& environment, std::span<const std::int64_t> fresh, double scale) const;
  /// Nothing if the compiled `fill_launch` fills the launch level of `words` with the same bits (one NaN is as good as another); else the first difference.
  std::string launch_difference(const std::vector<std::uint64_t>& words) const;
};

/// The C++ compiler's flags: as a kernel is built, every warning an error; or sooner done, for thousands of random mods.
inline constexpr const char *kStrictFlags = "-O1 -Wall -Wextra -Werror", *kQuickFlags = "-O0 -w";

class HostMods {
 public:
  HostMods(HostMods&&) noexcept;
  ~HostMods();

  /// All forms in one unit; the mods come in their order. `edit`, if any, changes the text before it is compiled (negative tests).
  static Result<HostMods> compile(std::span<const dsl::NormalForm> forms, void (*edit)(std::string& text) = nullptr,
                                  compiler::Member member = compiler::Member::Wide, const char* flags = kStrictFlags);
  const std::vector<EmittedMod>& mods() const { return mods_; }
  /// A symbol of the compiled unit, or null.
  void* symbol(const char* name) const;

 private:
  HostMods() = default;
  std::vector<EmittedMod> mods_;
  void* library_ = nullptr;
};

}  // namespace flexc
