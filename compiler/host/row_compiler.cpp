#include "compiler/host/row_compiler.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "compiler/host/dump.h"
#include "compiler/host/ir_library.h"
#include "runtime/loader/row_object.h"
#include "templates/cpu/row_segment.h"

namespace flexc {
namespace {

/// Raised by every change to what a key or a payload holds.
constexpr int kKeySchema = 1;

/// A payload is the manifest's word and then the object.
std::vector<std::byte> payload_of(const compiler::RowMember& member) {
  std::vector<std::byte> payload(sizeof member.manifest.assumptions + member.object.size());
  std::memcpy(payload.data(), &member.manifest.assumptions, sizeof member.manifest.assumptions);
  std::ranges::copy(member.object, payload.begin() + sizeof member.manifest.assumptions);
  return payload;
}

/// Nothing where the loader refuses the object: the digest vouches for the bytes, not for who wrote them.
std::optional<compiler::RowMember> member_of(const std::vector<std::byte>& payload) {
  compiler::RowMember member;
  if (payload.size() <= sizeof member.manifest.assumptions) return std::nullopt;
  std::memcpy(&member.manifest.assumptions, payload.data(), sizeof member.manifest.assumptions);
  member.object.assign(payload.begin() + sizeof member.manifest.assumptions, payload.end());
  if (!runtime::RowObject::load(member.object)) return std::nullopt;
  return member;
}

}  // namespace

RowCompiler::RowCompiler(const EngineOptions& options, std::shared_ptr<runtime::LazyDiskCache> disk, std::shared_ptr<EngineCounters> counters)
    : options_(options), dump_directory_(dump_directory(options)), disk_(std::move(disk)), counters_(std::move(counters)) {}

runtime::DiskCache& RowCompiler::cache() {
  std::call_once(opened_, [this] {
    toolchain_ = compiler_lines();
  });
  return disk_->get();
}

std::string RowCompiler::key_of(const dsl::NormalForm& form, compiler::Member member, runtime::CpuLevel level) {
  return fmt::format("schema: {}\nflexc: {}\n{}row abi: {}\nlevel: {}\nmember: {}\nnormal form:\n{}", kKeySchema, version(), toolchain_, FLEXC_ROW_ABI_VERSION, runtime::name_of(level),
                     member == compiler::Member::Narrow ? "narrow" : "wide", form.text);
}

Result<compiler::RowMember> RowCompiler::member(const dsl::NormalForm& form, compiler::Member member) {
  const auto level = runtime::detect_cpu_level();
  if (!level) return std::unexpected(level.error());
  std::string key;
  if (dump_directory_.empty() && options_.disk_cache) {
    runtime::DiskCache& disk = cache();
    key = key_of(form, member, *level);
    if (auto payload = disk.get(runtime::EntryKind::CpuObject, key))
      if (auto found = member_of(*payload)) {
        ++counters_->disk_hits;
        return std::move(*found);
      }
  }
  const auto functions = ir_functions();
  if (!functions) return std::unexpected(functions.error());
  auto compiled = (*functions)->compile_row_member(form, member, *level);
  if (!compiled) return compiled;
  ++counters_->compilations;
  if (!key.empty()) disk_->get().put(runtime::EntryKind::CpuObject, key, payload_of(*compiled));
  if (auto dumped = dump_stages(dump_directory_, form, member, compiled->object); !dumped) return std::unexpected(dumped.error());
  return compiled;
}

}  // namespace flexc
