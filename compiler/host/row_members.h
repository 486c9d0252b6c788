// The compiled members of a variant on the CPU: the narrow one, and the wide one from the first call on that needs it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "compiler/host/assumptions.h"
#include "compiler/host/row_compiler.h"
#include "flexc/error.h"
#include "runtime/loader/row_object.h"

namespace flexc {

/// Thread-safe once made.
class RowMembers {
 public:
  /// Compiles the narrow member. Where it turns out to assume nothing, it is the only one.
  static Result<std::unique_ptr<RowMembers>> make(std::shared_ptr<const dsl::NormalForm> form, std::shared_ptr<RowCompiler> compiler);

  /// Which member serves a call.
  compiler::Member choose(const RunArguments& arguments, const CallShape& shape, const dsl::Environment& environment, std::span<const std::int64_t> fresh) const;
  /// Its code, which lives as long as this object. The wide member is compiled by the first call that asks for it, once; callers
  /// that ask meanwhile wait for it. A failure is reported to each caller, and the next one tries again.
  Result<const flexc_row_module*> module(compiler::Member member) const;

  const compiler::Manifest& manifest() const { return manifest_; }
  /// How many members have been compiled.
  int compiled() const;

 private:
  RowMembers(std::shared_ptr<const dsl::NormalForm> form, std::shared_ptr<RowCompiler> compiler, runtime::RowObject narrow, compiler::Manifest manifest);

  std::shared_ptr<const dsl::NormalForm> form_;
  std::shared_ptr<RowCompiler> compiler_;
  runtime::RowObject narrow_;
  compiler::Manifest manifest_;
  mutable std::mutex mutex_;
  mutable std::optional<runtime::RowObject> wide_;
};

}  // namespace flexc
