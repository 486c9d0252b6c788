// flexc gallery: the variants that ship with flexc.
#include "flexc/gallery.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/flexc/failure.h"
#include "tools/flexc/options.h"
#include "tools/flexc/output.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

class GalleryVerb final : public Verb {
 public:
  explicit GalleryVerb(CLI::App& parent) {
    app = add_verb(parent, "gallery", "List the variants that ship with flexc, or show one");
    list_ = add_verb(*app, "list", "One line an entry");
    add_switch(*list_, "--json", json_, "Print name, description and example of each as JSON");
    show_ = add_verb(*app, "show", "Print an entry's text");
    add_required_text(*show_, "NAME", name_, "", "The entry");
    require_verb(*app);
    add_footer(*app,
        "Examples:\n"
        "  flexc gallery list\n"
        "  flexc gallery show alibi > my.flex");
  }

  int run() override {
    if (is_given(*show_)) return show();
    if (json_) {
      nlohmann::ordered_json json = nlohmann::ordered_json::array();
      for (const GalleryEntry& entry : gallery()) json.push_back({{"name", entry.name}, {"description", entry.description}, {"example", entry.example}});
      print_result(json.dump() + "\n");
      return kExitDone;
    }
    std::size_t width = 0;
    for (const GalleryEntry& entry : gallery()) width = std::max(width, entry.name.size());
    std::string text;
    for (const GalleryEntry& entry : gallery()) text += fmt::format("{:<{}}  {}\n", entry.name, width, entry.description);
    print_result(text);
    return kExitDone;
  }

 private:
  int show() const {
    if (const GalleryEntry* entry = find_gallery_entry(*name_)) {
      print_result(entry->text);
      return kExitDone;
    }
    std::vector<std::string_view> names;
    for (const GalleryEntry& entry : gallery()) names.push_back(entry.name);
    const std::string_view near = suggest(*name_, names);
    input_error(fmt::format("the gallery has no entry '{}'; {}", *name_, near.empty() ? "`flexc gallery list` shows what it has" : fmt::format("did you mean '{}'?", near)));
  }

  CLI::App *list_ = nullptr, *show_ = nullptr;
  std::optional<std::string> name_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> add_gallery_verb(CLI::App& parent) { return std::make_unique<GalleryVerb>(parent); }

}  // namespace flexc::cli
