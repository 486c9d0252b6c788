// flexc cache: what has been compiled before and lies on disk.
#include <algorithm>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/cache/disk_cache.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/options.h"
#include "tools/flexc/output.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

using runtime::DiskCache;

/// Digits of a name that the list shows; `show` takes any prefix that is unique.
constexpr std::size_t kShortName = 12;

std::string time_text(const std::timespec& time) {
  std::tm local{};
  ::localtime_r(&time.tv_sec, &local);
  return fmt::format("{:%Y-%m-%d %H:%M}", local);
}

std::string count_text(std::size_t entries) { return fmt::format("{} {}", entries, entries == 1 ? "entry" : "entries"); }

class CacheVerb final : public Verb {
 public:
  explicit CacheVerb(CLI::App& parent) {
    app = add_verb(parent, "cache", "List, show, verify or clear what was compiled before and is kept on disk");
    list_ = add_verb(*app, "list", "One line an entry: name, kind, size, last use");
    add_switch(*list_, "--json", json_, "Print as JSON");
    show_ = add_verb(*app, "show", "Print an entry's key: the variant's normal form, the options, and what compiled it");
    add_required_text(*show_, "NAME", name_, "", "The entry's name, or the beginning of it");
    verify_ = add_verb(*app, "verify", "Read every entry; remove and name those that fail (exit 1 if any did)");
    add_switch(*verify_, "--json", json_, "Print as JSON");
    clear_ = add_verb(*app, "clear", "Remove all entries");
    require_verb(*app);
    add_footer(*app,
        "The directory is $FLEXC_CACHE_DIR, else $XDG_CACHE_HOME/flexc, else $HOME/.cache/flexc.\n\n"
        "Examples:\n"
        "  flexc cache list\n"
        "  flexc cache verify");
  }

  int run() override {
    DiskCache cache({.directory = {}, .warn = [](std::string_view text) { print_warning(text); }});
    if (!cache.usable()) throw Failure(ErrorKind::Environment, "the cache cannot be used");
    if (is_given(*list_)) return list(cache);
    if (is_given(*show_)) return show(cache);
    if (is_given(*verify_)) return verify(cache);
    const std::size_t removed = cache.clear();
    print_result(fmt::format("{}: {} files removed\n", cache.directory(), removed));
    return kExitDone;
  }

 private:
  int list(const DiskCache& cache) const {
    const auto files = take(cache.list(true));
    std::uint64_t total = 0;
    for (const auto& file : files) total += file.bytes;
    if (json_) {
      nlohmann::ordered_json entries = nlohmann::ordered_json::array();
      for (const auto& file : files)
        entries.push_back({{"name", file.name}, {"kind", file.entry ? name_of(file.entry->kind) : "bad"}, {"bytes", file.bytes}, {"last_use", file.last_use.tv_sec}});
      print_result(nlohmann::ordered_json{{"directory", cache.directory()}, {"bytes", total}, {"entries", entries}}.dump() + "\n");
      return kExitDone;
    }
    std::string text;
    for (const auto& file : files)
      text += fmt::format("{}  {:<10}  {:>10}  {}\n", file.name.substr(0, kShortName), file.entry ? name_of(file.entry->kind) : "bad", byte_text(file.bytes), time_text(file.last_use));
    text += fmt::format("{}: {}, {}\n", cache.directory(), count_text(files.size()), byte_text(total));
    print_result(text);
    return kExitDone;
  }

  int show(const DiskCache& cache) const {
    const auto files = take(cache.list(true));
    const DiskCache::Listed* found = nullptr;
    for (const auto& file : files) {
      if (!file.name.starts_with(*name_)) continue;
      if (found != nullptr) input_error(fmt::format("several entries begin with '{}'; `flexc cache list --json` prints whole names", *name_));
      found = &file;
    }
    if (found == nullptr) input_error(fmt::format("no entry begins with '{}'; `flexc cache list` shows what there is", *name_));
    if (!found->entry) input_error(fmt::format("entry {} fails verification: {}", found->name, found->problem));
    print_result(fmt::format("name: {}\nkind: {}\npayload: {} bytes\nlast use: {}\nkey:\n{}", found->name, name_of(found->entry->kind), found->entry->payload.size(),
                             time_text(found->last_use), found->entry->key));
    return kExitDone;
  }

  int verify(DiskCache& cache) const {
    const auto files = take(cache.list(true));
    nlohmann::ordered_json bad = nlohmann::ordered_json::array();
    std::string text;
    for (const auto& file : files) {
      if (file.entry) continue;
      cache.remove(file.name);
      bad.push_back({{"name", file.name}, {"problem", file.problem}});
      text += fmt::format("{}  removed: {}\n", file.name, file.problem);
    }
    if (json_) print_result(nlohmann::ordered_json{{"directory", cache.directory()}, {"entries", files.size()}, {"bad", bad}}.dump() + "\n");
    else print_result(text + fmt::format("{}: {}, {} bad\n", cache.directory(), count_text(files.size()), bad.size()));
    return bad.empty() ? kExitDone : kExitInput;
  }

  CLI::App *list_ = nullptr, *show_ = nullptr, *verify_ = nullptr, *clear_ = nullptr;
  std::optional<std::string> name_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> add_cache_verb(CLI::App& app) { return std::make_unique<CacheVerb>(app); }

}  // namespace flexc::cli
