#include "compiler/host/row_members.h"

#include <utility>
namespace flexc {
namespace {

struct Loaded {
  runtime::RowObject object;
  compiler::Manifest manifest;
};

Result<Loaded> compile(RowCompiler& compiler, const dsl::NormalForm& form, compiler::Member member) {
  const auto code = compiler.member(form, member);
  if (!code) return std::unexpected(code.error());
  auto object = runtime::RowObject::load(code->object);
  if (!object) return std::unexpected(Error{ErrorKind::Internal, "the compiled mods cannot be loaded: " + object.error().message});
  return Loaded{std::move(*object), code->manifest};
}

}  // namespace

RowMembers::RowMembers(std::shared_ptr<const dsl::NormalForm> form, std::shared_ptr<RowCompiler> compiler, runtime::RowObject narrow, compiler::Manifest manifest)
    : form_(std::move(form)), compiler_(std::move(compiler)), narrow_(std::move(narrow)), manifest_(manifest) {}

Result<std::unique_ptr<RowMembers>> RowMembers::make(std::shared_ptr<const dsl::NormalForm> form, std::shared_ptr<RowCompiler> compiler) {
  auto narrow = compile(*compiler, *form, compiler::Member::Narrow);
  if (!narrow) return std::unexpected(narrow.error());
  return std::unique_ptr<RowMembers>(new RowMembers(std::move(form), std::move(compiler), std::move(narrow->object), narrow->manifest));
}

compiler::Member RowMembers::choose(const RunArguments& arguments, const CallShape& shape, const dsl::Environment& environment,
                                    std::span<const std::int64_t> fresh) const {
  return within(manifest_, arguments, shape, *form_, environment, fresh) ? compiler::Member::Narrow : compiler::Member::Wide;
}

Result<const flexc_row_module*> RowMembers::module(compiler::Member member) const {
  if (member == compiler::Member::Narrow || manifest_.assumptions == compiler::kAssumesNothing) return &narrow_.module();
  const std::lock_guard lock(mutex_);
  if (!wide_) {
    auto wide = compile(*compiler_, *form_, compiler::Member::Wide);
    if (!wide) return std::unexpected(wide.error());
    if (wide->manifest.assumptions != compiler::kAssumesNothing) return std::unexpected(Error{ErrorKind::Internal, "the wide member assumes something of its calls"});
    wide_ = std::move(wide->object);
  }
  return &wide_->module();
}

int RowMembers::compiled() const {
  const std::lock_guard lock(mutex_);
  return wide_ ? 2 : 1;
}

}  // namespace flexc
