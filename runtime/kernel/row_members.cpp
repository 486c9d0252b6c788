#include "runtime/kernel/row_members.h"

#include <utility>

namespace flexc {
namespace {

struct Loaded {
  runtime::RowObject object;
  runtime::Manifest manifest;
};

Result<Loaded> load(const runtime::RowMemberSource& source, runtime::Member member) {
  const auto code = source(member);
  if (!code) return std::unexpected(code.error());
  auto object = runtime::RowObject::load(code->object);
  if (!object) return std::unexpected(Error{ErrorKind::Internal, "the compiled mods cannot be loaded: " + object.error().message});
  return Loaded{std::move(*object), code->manifest};
}

}  // namespace

RowMembers::RowMembers(std::shared_ptr<const runtime::Signature> signature, runtime::RowMemberSource source, runtime::RowObject narrow, runtime::Manifest manifest)
    : signature_(std::move(signature)), source_(std::move(source)), narrow_(std::move(narrow)), manifest_(manifest) {}

Result<std::unique_ptr<RowMembers>> RowMembers::make(std::shared_ptr<const runtime::Signature> signature, runtime::RowMemberSource source) {
  auto narrow = load(source, runtime::Member::Narrow);
  if (!narrow) return std::unexpected(narrow.error());
  return std::unique_ptr<RowMembers>(new RowMembers(std::move(signature), std::move(source), std::move(narrow->object), narrow->manifest));
}

runtime::Member RowMembers::choose(const CallShape& shape, const runtime::Environment& environment, std::span<const std::int64_t> fresh) const {
  return within(manifest_, shape, *signature_, environment, fresh) ? runtime::Member::Narrow : runtime::Member::Wide;
}

Result<const flexc_row_module*> RowMembers::module(runtime::Member member) const {
  if (member == runtime::Member::Narrow || manifest_.assumptions == runtime::kAssumesNothing) return &narrow_.module();
  const std::lock_guard lock(mutex_);
  if (!wide_) {
    auto wide = load(source_, runtime::Member::Wide);
    if (!wide) return std::unexpected(wide.error());
    if (wide->manifest.assumptions != runtime::kAssumesNothing) return std::unexpected(Error{ErrorKind::Internal, "the wide member assumes something of its calls"});
    wide_ = std::move(wide->object);
  }
  return &wide_->module();
}

int RowMembers::compiled() const {
  const std::lock_guard lock(mutex_);
  return wide_ ? 2 : 1;
}

}  // namespace flexc
