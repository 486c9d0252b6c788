// The compiled members of a variant on the CPU: the narrow one, and the wide one from the first call on that needs it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "runtime/kernel/assumptions.h"
#include "flexc/error.h"
#include "runtime/loader/row_object.h"

namespace flexc {

/// Thread-safe once made.
class RowMembers {
 public:
  /// Loads the narrow member. Where it turns out to assume nothing, it is the only one.
  static Result<std::unique_ptr<RowMembers>> make(std::shared_ptr<const runtime::Signature> signature, runtime::RowMemberSource source);

  /// Which member serves a call.
  runtime::Member choose(const CallShape& shape, const runtime::Environment& environment, std::span<const std::int64_t> fresh) const;
  /// Its code, which lives as long as this object. The wide member is got (compiled, or found) by the first call that asks for it, once; callers
  /// that ask meanwhile wait for it. A failure is reported to each caller, and the next one tries again.
  Result<const flexc_row_module*> module(runtime::Member member) const;

  const runtime::Manifest& manifest() const { return manifest_; }
  /// How many members have been loaded.
  int compiled() const;

 private:
  RowMembers(std::shared_ptr<const runtime::Signature> signature, runtime::RowMemberSource source, runtime::RowObject narrow, runtime::Manifest manifest);

  std::shared_ptr<const runtime::Signature> signature_;
  runtime::RowMemberSource source_;
  runtime::RowObject narrow_;
  runtime::Manifest manifest_;
  mutable std::mutex mutex_;
  mutable std::optional<runtime::RowObject> wide_;
};

}  // namespace flexc
