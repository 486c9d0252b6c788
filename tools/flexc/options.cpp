#include "tools/flexc/options.h"

#include <charconv>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "flexc/gallery.h"
#include "tools/flexc/failure.h"

namespace flexc::cli {
namespace {

constexpr std::size_t kMaxNameBytes = 200;

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes || (text[0] >= '0' && text[0] <= '9')) return false;
  for (const char c : text)
    if (c != '_' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z')) return false;
  return true;
}

template <class T>
std::optional<T> read_whole(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('+')) return std::nullopt;
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool looks_like_integer(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// A param's value: an integer if it is written as one, True, False, else a float.
Captures::Scalar parse_scalar(std::string_view name, std::string_view text) {
  if (text == "True" || text == "true") return {.integer = 1};
  if (text == "False" || text == "false") return {.integer = 0};
  if (const auto integer = read_whole<std::int64_t>(text)) return {.integer = *integer};
  if (looks_like_integer(text)) usage_error(fmt::format("--param {}={}: the integer does not fit in 64 bits", name, text));
  if (const auto real = read_whole<double>(text)) return {.real = *real, .is_real = true};
  usage_error(fmt::format("--param {}={}: expected a number, True or False", name, text));
}

/// The file that an input or output names, comparable with others.
std::filesystem::path file_of(const std::string& text) {
  std::string file = text;
  if (const std::size_t at = file.rfind(".safetensors:"); at != std::string::npos) file.resize(at + std::string_view(".safetensors").size());
  std::error_code ignored;
  const std::filesystem::path path = std::filesystem::weakly_canonical(std::filesystem::absolute(file, ignored), ignored);
  return path.empty() ? std::filesystem::path(file) : path;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

bool is_device(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  return std::filesystem::is_character_file(status) || std::filesystem::is_fifo(status);
}

}  // namespace

std::int64_t parse_integer(std::string_view option, std::string_view text) {
  if (const auto value = read_whole<std::int64_t>(text)) return *value;
  usage_error(looks_like_integer(text) ? fmt::format("{} {}: the integer does not fit in 64 bits", option, text)
                                       : fmt::format("{}: expected an integer, got '{}'", option, text));
}

std::vector<std::int64_t> parse_integers(std::string_view option, std::string_view text, std::string_view form, std::size_t least, std::size_t most) {
  const std::vector<std::string_view> parts = split(text, ',');
  if (parts.size() < least || parts.size() > most)
    usage_error(fmt::format("{}: expected {}, got '{}' ({} number{})", option, form, text, parts.size(), parts.size() == 1 ? "" : "s"));
  std::vector<std::int64_t> values;
  for (const std::string_view part : parts) values.push_back(parse_integer(option, part));
  return values;
}

double parse_number(std::string_view option, std::string_view text) {
  if (const auto value = read_whole<double>(text)) return *value;
  usage_error(fmt::format("{}: expected a number, got '{}'", option, text));
}

std::map<std::string, std::string, std::less<>> parse_bindings(std::string_view option, const std::vector<std::string>& texts) {
  std::map<std::string, std::string, std::less<>> bindings;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) usage_error(fmt::format("{} {}: expected NAME=VALUE", option, text));
    const std::string name = text.substr(0, equals), value = text.substr(equals + 1);
    if (!is_name(name)) usage_error(fmt::format("{} {}: '{}' is not a name", option, text, name));
    if (value.empty()) usage_error(fmt::format("{} {}: nothing stands after the '='", option, text));
    if (!bindings.emplace(name, value).second) usage_error(fmt::format("{} {}: {} is given twice", option, text, name));
  }
  return bindings;
}

void VariantOptions::add_to(CLI::App& app) {
  add_text(app, "VARIANT", variant, "", "A .flex file, - for standard input, or the name of a gallery entry");
  add_text(app, "--score", score, "EXPR", "In place of VARIANT: the new score, an expression over score b h q_idx kv_idx");
  add_text(app, "--mask", mask, "EXPR", "In place of VARIANT: which pairs are kept, an expression over b h q_idx kv_idx");
  add_texts(app, "--const", const_texts, "NAME=X", "Replace a const of the variant; may be repeated");
}

void VariantOptions::check() {
  if (variant && (score || mask)) usage_error("VARIANT and --score or --mask exclude each other");
  if (!variant && !score && !mask) usage_error("no variant: give a .flex file, -, a gallery name, or --score and --mask");
  if (variant && variant->empty()) usage_error("VARIANT is empty");
  if (score && score->empty()) usage_error("--score is empty");
  if (mask && mask->empty()) usage_error("--mask is empty");
  consts = parse_bindings("--const", const_texts);
}

void BindingOptions::add_to(CLI::App& app) {
  add_texts(app, "--capture", capture_texts, "NAME=F", "Bind a tensor of the variant; may be repeated");
  add_texts(app, "--param", param_texts, "NAME=X", "Set a param of the variant; may be repeated");
}

void BindingOptions::check() {
  captures = parse_bindings("--capture", capture_texts);
  for (const auto& [name, text] : parse_bindings("--param", param_texts)) {
    if (captures.contains(name)) usage_error(fmt::format("{} is given as a capture and as a param", name));
    params.emplace(name, parse_scalar(name, text));
  }
}

void PositionOptions::add_to(CLI::App& app) {
  add_text(app, "--q-offset", q_offset_text, "N", "Position of the first query (default 0)");
  add_text(app, "--kv-offset", kv_offset_text, "N", "Position of the first key (default 0)");
  add_text(app, "--q-step", q_step_text, "N", "From one query's position to the next one's (default 1): N for every N-th of a sequence");
  add_text(app, "--kv-step", kv_step_text, "N", "From one key's position to the next one's (default 1)");
}

void PositionOptions::check() {
  if (q_offset_text) q.offset = parse_integer("--q-offset", *q_offset_text);
  if (kv_offset_text) kv.offset = parse_integer("--kv-offset", *kv_offset_text);
  const auto step = [](std::string_view option, const std::optional<std::string>& text, std::int64_t& value) {
    if (text) value = parse_integer(option, *text);
    if (value < 1) usage_error(fmt::format("{} {}: must be at least 1", option, value));
  };
  step("--q-step", q_step_text, q.step);
  step("--kv-step", kv_step_text, kv.step);
}

std::int64_t PositionOptions::total(const PositionMap& positions, std::int64_t length) {
  std::int64_t end = 0;
  return !positions.fits(length, &end) || end < 0 ? length : end;
}

void BlockOption::add_to(CLI::App& app) { add_text(app, "--block", text, "BQ,BKV", "Tile of the block mask (default 128,128)"); }

void BlockOption::check() {
  if (!text) return;
  constexpr std::int64_t kMaxBlock = 1 << 30;
  const std::vector<std::int64_t> block = parse_integers("--block", *text, "BQ,BKV", 2, 2);
  for (const std::int64_t side : block)
    if (side < 1 || side > kMaxBlock) usage_error(fmt::format("--block {}: each side must lie between 1 and {}", *text, kMaxBlock));
  q = static_cast<std::int32_t>(block[0]);
  kv = static_cast<std::int32_t>(block[1]);
}

void check_choice(std::string_view option, std::string_view text, std::string_view choices) {
  const std::vector<std::string_view> names = split(choices, '|');
  for (const std::string_view name : names)
    if (name == text) return;
  const std::string_view near = suggest(text, names);
  usage_error(fmt::format("{}: expected {}, got '{}'{}", option, choices, text, near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

std::optional<DType> parse_dtype(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  // Names that other systems use, too far from ours for a "did you mean" by spelling.
  static constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {{"float32", "f32"},  {"float", "f32"},     {"fp32", "f32"}, {"float16", "f16"},
                                                                                   {"half", "f16"},     {"bfloat16", "bf16"}, {"bfloat", "bf16"}};
  for (const auto& [other, ours] : kOtherNames)
    if (*text == other) usage_error(fmt::format("--dtype: expected f32|f16|bf16, got '{}'; did you mean '{}'?", other, ours));
  check_choice("--dtype", *text, "f32|f16|bf16");
  return dtype_from_name(*text);
}

Device parse_device(const std::optional<std::string>& text) {
  if (!text) return Device::automatic();
  check_choice("--device", *text, "auto|cpu|cuda|model|oracle");
  if (*text == "cpu") return Device::cpu();
  if (*text == "cuda") return Device::cuda();
  if (*text == "model") return Device::model();
  return *text == "oracle" ? Device::oracle() : Device::automatic();
}

MaskShape::Refine parse_refine(std::string_view text, std::string_view choices) {
  check_choice("--refine", text, choices);
  if (text == "none") return MaskShape::Refine::None;
  return text == "exact" ? MaskShape::Refine::Exact : MaskShape::Refine::Default;
}

void check_outputs(const std::vector<std::pair<std::string, std::string>>& inputs, const std::vector<NamedOutput>& outputs) {
  std::vector<std::pair<std::string, std::filesystem::path>> seen;
  for (const auto& [option, text] : inputs) seen.emplace_back(option, file_of(text));
  for (const auto& [option, text, ending] : outputs) {
    if (!text) continue;
    if (text->empty()) usage_error(fmt::format("{}: the file name is empty", option));
    const std::filesystem::path file = file_of(*text);
    if (is_device(file)) continue;
    for (const auto& [other, other_path] : seen)
      if (file == other_path) usage_error(fmt::format("{} {}: the same file as {}", option, *text, other));
    const std::string extension = lower(std::filesystem::path(*text).extension().string());
    if (!ending.empty() && !extension.empty() && extension != ending) usage_error(fmt::format("{} {}: what is written is {} and not {}; give a name that ends in {}", option, *text, ending, extension, ending));
    seen.emplace_back(option, file);
  }
}

}  // namespace flexc::cli
