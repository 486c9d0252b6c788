// The members of a variant's CUDA kernel in use: the narrow one, and the wide one from the first call on that needs it.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>

#include "flexc/error.h"
#include "runtime/kernel/members.h"

namespace flexc {

/// `Loaded` has a `manifest`. Thread-safe once made; what it hands out lives as long as it does.
template <class Loaded>
class HopperMembers {
 public:
  using Make = std::function<Result<Loaded>(runtime::Member)>;

  static Result<std::unique_ptr<HopperMembers>> make(Make make) {
    auto narrow = make(runtime::Member::Narrow);
    if (!narrow) return std::unexpected(narrow.error());
    return std::unique_ptr<HopperMembers>(new HopperMembers(std::move(make), std::move(*narrow)));
  }

  const Loaded& narrow() const { return narrow_; }
  /// A narrow member that assumes nothing serves every call. A failure is reported to each caller, and the next one tries again.
  Result<const Loaded*> member(runtime::Member which) const {
    if (which == runtime::Member::Narrow || narrow_.manifest.assumptions == runtime::kAssumesNothing) return &narrow_;
    const std::lock_guard lock(mutex_);
    if (!wide_) {
      auto wide = make_(runtime::Member::Wide);
      if (!wide) return std::unexpected(wide.error());
      if (wide->manifest.assumptions != runtime::kAssumesNothing) return std::unexpected(Error{ErrorKind::Internal, "the wide member assumes something of its calls"});
      wide_ = std::move(*wide);
    }
    return &*wide_;
  }

 private:
  HopperMembers(Make make, Loaded narrow) : make_(std::move(make)), narrow_(std::move(narrow)) {}

  Make make_;
  Loaded narrow_;
  mutable std::mutex mutex_;
  mutable std::optional<Loaded> wide_;
};

/// The members of a kernel that may never be needed: the narrow one is made by the first call that asks.
template <class Loaded>
class LazyMembers {
 public:
  using Members = HopperMembers<Loaded>;
  explicit LazyMembers(typename Members::Make make) : make_(std::move(make)) {}

  /// Begins to make them on another thread; the first `get` waits for it, and so does the end of this object.
  void begin() {
    const std::lock_guard lock(mutex_);
    if (!members_ && !begun_.valid()) begun_ = std::async(std::launch::async, [make = make_] { return Members::make(make); });
  }

  /// Thread-safe. A failure is reported to each caller, and the next one tries again.
  Result<const Members*> get() const {
    const std::lock_guard lock(mutex_);
    if (!members_) {
      auto made = begun_.valid() ? begun_.get() : Members::make(make_);
      if (!made) return std::unexpected(made.error());
      members_ = std::move(*made);
    }
    return members_.get();
  }

 private:
  typename Members::Make make_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<Members> members_;
  mutable std::future<Result<std::unique_ptr<Members>>> begun_;
};

/// All members of the Hopper kernel: those for positions that follow each other, and, made by the first call that asks, those for positions in steps.
template <class Loaded>
class HopperFamily {
 public:
  using Members = HopperMembers<Loaded>;
  /// `make_in_steps` may be empty: then there are none.
  static Result<std::unique_ptr<HopperFamily>> make(typename Members::Make make, typename Members::Make make_in_steps) {
    auto members = Members::make(std::move(make));
    if (!members) return std::unexpected(members.error());
    return std::unique_ptr<HopperFamily>(new HopperFamily(std::move(*members), std::move(make_in_steps)));
  }

  /// What all members have in common may be read of this one.
  const Loaded& first() const { return members_->narrow(); }
  bool has_steps() const { return in_steps_ != nullptr; }
  Result<const Members*> members(bool in_steps) const {
    if (!in_steps) return members_.get();
    return in_steps_->get();
  }

 private:
  HopperFamily(std::unique_ptr<Members> members, typename Members::Make make_in_steps) : members_(std::move(members)) {
    if (make_in_steps) in_steps_ = std::make_unique<LazyMembers<Loaded>>(std::move(make_in_steps));
  }

  std::unique_ptr<Members> members_;
  std::unique_ptr<LazyMembers<Loaded>> in_steps_;
};

}  // namespace flexc
