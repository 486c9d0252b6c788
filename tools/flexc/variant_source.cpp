#include "tools/flexc/variant_source.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "tools/flexc/failure.h"
#include "tools/flexc/output.h"

namespace flexc::cli {
namespace {

/// Twice the largest source: enough to see that one is too long, and a bound for endless input.
constexpr std::size_t kMaxReadBytes = std::size_t{2} << 20;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string read_stream(std::FILE* stream, const std::string& name) {
  std::string text;
  char buffer[1 << 16];
  while (text.size() < kMaxReadBytes) {
    const std::size_t count = std::fread(buffer, 1, sizeof buffer, stream);
    text.append(buffer, count);
    if (count < sizeof buffer) break;
  }
  if (std::ferror(stream)) input_error(fmt::format("cannot read {}: {}", name, std::strerror(errno)));
  return text;
}

std::string read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) input_error(fmt::format("{} is a directory; a variant is a .flex file", path));
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) input_error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  return read_stream(file.get(), path);
}

[[noreturn]] void unknown_variant(const std::string& name) {
  std::vector<std::string_view> names;
  for (const GalleryEntry& entry : gallery()) names.push_back(entry.name);
  const std::string_view near = suggest(name, names);
  std::error_code ignored;
  const bool file_without_ending = std::filesystem::exists(name + ".flex", ignored);
  input_error(fmt::format("no variant '{}': it is neither a file nor a gallery entry{}{}; `flexc gallery list` shows the entries", name,
                          near.empty() ? "" : fmt::format("; did you mean '{}'?", near), file_without_ending ? fmt::format("; there is a file {}.flex", name) : ""));
}

LoadedVariant parsed(std::expected<Variant, Diagnostics> variant, std::string name, const GalleryEntry* entry = nullptr) {
  if (!variant) {
    if (variant.error().has_errors()) throw VariantFailure(std::move(variant.error()));
    throw Failure(ErrorKind::Internal, fmt::format("the front end refused '{}' without saying why", name));
  }
  return {std::move(*variant), std::move(name), entry};
}

/// The name that `name` was probably meant to be, or which there are.
std::string hint(std::string_view name, const std::vector<std::string_view>& known, std::string_view what) {
  if (const std::string_view near = suggest(name, known); !near.empty()) return fmt::format("did you mean '{}'?", near);
  if (known.empty()) return fmt::format("it has no {}s", what);
  return fmt::format("its {}s are {}", what, fmt::join(known, ", "));
}

}  // namespace

VariantText read_variant(const VariantOptions& options) {
  VariantText read;
  if (!options.variant) {
    read.name = options.score ? "--score " + *options.score : "";
    if (options.mask) read.name += (read.name.empty() ? "--mask " : " --mask ") + *options.mask;
    return read;
  }
  const std::string& name = *options.variant;
  read.name = name;
  if (name == "-") {
    read.name = read.file = "<stdin>";
    read.text = read_stream(stdin, "standard input");
  } else if (const GalleryEntry* entry = find_gallery_entry(name)) {
    read.entry = entry;
    read.file = "gallery/" + name + ".flex";
    read.text = entry->text;
  } else {
    std::error_code ignored;
    const bool meant_as_file = name.ends_with(".flex") || name.find('/') != std::string::npos || std::filesystem::exists(name, ignored);
    if (!meant_as_file) unknown_variant(name);
    read.file = name;
    read.text = read_file(name);
  }
  return read;
}

LoadedVariant parse_variant(const VariantText& read, const VariantOptions& options) {
  ParseOptions parse_options;
  parse_options.consts = options.consts;
  if (!options.variant) return parsed(Variant::from_expressions(options.score.value_or(""), options.mask.value_or(""), parse_options), read.name);
  parse_options.name = read.file;
  return parsed(Variant::parse(read.text, parse_options), read.name, read.entry);
}

LoadedVariant load_variant(const VariantOptions& options) { return parse_variant(read_variant(options), options); }

LoadedVariant load_variant(const VariantOptions& options, const BindingOptions& bindings) {
  LoadedVariant loaded = load_variant(options);
  print_diagnostics(loaded.variant.warnings());
  check_names(loaded.variant, bindings);
  return loaded;
}

void check_names(const Variant& variant, const BindingOptions& bindings) {
  std::vector<std::string> captures, params;
  const std::vector<Variant::Capture> declared_captures = variant.captures();
  const std::vector<Variant::Param> declared_params = variant.params();
  std::vector<std::string_view> capture_names, param_names;
  for (const Variant::Capture& capture : declared_captures) capture_names.push_back(capture.name);
  for (const Variant::Param& param : declared_params) param_names.push_back(param.name);
  const auto has = [](const std::vector<std::string_view>& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  for (const auto& [name, file] : bindings.captures) {
    if (has(capture_names, name)) continue;
    if (has(param_names, name)) input_error(fmt::format("--capture {}: '{}' is a param of the variant; use --param {}=X", name, name, name));
    input_error(fmt::format("--capture {}: the variant has no such capture; {}", name, hint(name, capture_names, "capture")));
  }
  for (const auto& [name, value] : bindings.params) {
    if (has(param_names, name)) continue;
    const auto capture = std::ranges::find(declared_captures, name, &Variant::Capture::name);
    const bool is_capture = capture != declared_captures.end();
    if (is_capture && !capture->declared && capture->dims.empty()) continue;  // an undeclared scalar: the value is its tensor
    if (is_capture) input_error(fmt::format("--param {}: '{}' is a capture of the variant; use --capture {}=FILE", name, name, name));
    input_error(fmt::format("--param {}: the variant has no such param; {}", name, hint(name, param_names, "param")));
  }
}

std::shared_ptr<const Kernel> compile(const Variant& variant, const CompileOptions& options) {
  Engine engine({.on_warning = [](std::string_view text) { print_warning(text); }});
  auto kernel = engine.compile(variant, options);
  if (kernel) return std::move(*kernel);
  if (kernel.error().diagnostics) throw VariantFailure(std::move(*kernel.error().diagnostics));
  throw Failure(std::move(kernel.error().error));
}

}  // namespace flexc::cli
