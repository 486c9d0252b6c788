#include "runtime/io/safetensors_header.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "runtime/io/text.h"

namespace flexc::io {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kMaxRank = 64;

/// Collects entries while the text is read, so that depth, duplicates and types are judged at the token and no tree is built:
/// a header of a million brackets costs nothing.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<SafetensorsEntry> entries;
  std::string fault;  ///< empty: none

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::Start: place_ = Place::Names; return true;
      case Place::Entry:
        place_ = Place::Fields;
        fields_seen_ = 0;
        return true;
      case Place::Metadata:
        place_ = Place::MetadataFields;
        return true;
      default: return unexpected_token("an object");
    }
  }
  bool key(string_t& name) override {
    switch (place_) {
      case Place::Names:
        if (!names_.insert(name).second) return stop(fmt::format("the name {} is there twice", in_quotes(name)));
        if (name == "__metadata__") {
          place_ = Place::Metadata;
          return true;
        }
        place_ = Place::Entry;
        entries.emplace_back().name = name;
        return true;
      case Place::Fields: {
        const unsigned field = name == "dtype" ? 1 : name == "shape" ? 2 : name == "data_offsets" ? 4 : 0;
        if (field == 0) return stop(fmt::format("{} has the unknown field {}", current(), in_quotes(name)));
        if ((fields_seen_ & field) != 0) return stop(fmt::format("{} gives {} twice", current(), in_quotes(name)));
        fields_seen_ |= field;
        place_ = field == 1 ? Place::Dtype : field == 2 ? Place::Shape : Place::Offsets;
        return true;
      }
      case Place::MetadataFields:
        if (!metadata_names_.insert(name).second) return stop(fmt::format("__metadata__ gives {} twice", in_quotes(name)));
        place_ = Place::MetadataValue;
        return true;
      default: return unexpected_token("a name");
    }
  }
  bool end_object() override {
    if (place_ == Place::Fields) {
      if (fields_seen_ != 7) return stop(fmt::format("{} lacks {}", current(), (fields_seen_ & 1) == 0 ? "'dtype'" : (fields_seen_ & 2) == 0 ? "'shape'" : "'data_offsets'"));
      place_ = Place::Names;
    } else {
      place_ = place_ == Place::MetadataFields ? Place::Names : Place::End;
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ == Place::Shape) place_ = Place::Extents;
    else if (place_ == Place::Offsets) place_ = Place::Ends;
    else return unexpected_token("an array");
    offsets_read_ = 0;
    return true;
  }
  bool end_array() override {
    if (place_ == Place::Ends && offsets_read_ != 2) return stop(fmt::format("the data_offsets of {} are not two", current()));
    place_ = Place::Fields;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::Extents) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return stop(fmt::format("an extent of {} is larger than any memory", current()));
      if (entries.back().shape.size() == kMaxRank) return stop(fmt::format("the shape of {} has more than {} dimensions", current(), kMaxRank));
      entries.back().shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (place_ != Place::Ends) return unexpected_token("a number");
    if (++offsets_read_ > 2) return stop(fmt::format("the data_offsets of {} are not two", current()));
    (offsets_read_ == 1 ? entries.back().begin : entries.back().end) = value;
    return true;
  }
  bool number_integer(number_integer_t) override { return unexpected_token("a negative number"); }
  bool number_float(number_float_t, const string_t& text) override { return unexpected_token(fmt::format("the number {}", in_quotes(text, 40))); }
  bool string(string_t& value) override {
    if (place_ == Place::MetadataValue) {
      place_ = Place::MetadataFields;
      return true;
    }
    if (place_ != Place::Dtype) return unexpected_token("a text");
    entries.back().dtype = value;
    place_ = Place::Fields;
    return true;
  }
  bool null() override { return unexpected_token("null"); }
  bool boolean(bool) override { return unexpected_token("a boolean"); }
  bool binary(binary_t&) override { return unexpected_token("bytes"); }
  bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception&) override {
    return stop(fmt::format("it is not JSON in UTF-8: byte {}, at {}", position, in_quotes(token, 40)));
  }

 private:
  enum class Place { Start, Names, Entry, Fields, Dtype, Shape, Extents, Offsets, Ends, Metadata, MetadataFields, MetadataValue, End };

  bool stop(std::string text) {
    fault = std::move(text);
    return false;
  }
  std::string current() const { return entries.empty() ? "it" : "tensor " + in_quotes(entries.back().name); }
  bool unexpected_token(std::string_view what) {
    switch (place_) {
      case Place::Start: return stop(fmt::format("an object is expected, and {} found", what));
      case Place::Dtype: return stop(fmt::format("the dtype of {} should be a text, and {} was found", current(), what));
      case Place::Shape: case Place::Extents: return stop(fmt::format("the shape of {} should be a list of integers ≥ 0, and {} was found", current(), what));
      case Place::Offsets: case Place::Ends: return stop(fmt::format("the data_offsets of {} should be two integers ≥ 0, and {} was found", current(), what));
      case Place::Metadata: case Place::MetadataFields: case Place::MetadataValue: return stop(fmt::format("__metadata__ should map texts to texts, and {} was found", what));
      default: return stop(fmt::format("{} should be an object of dtype, shape and data_offsets, and {} was found", current(), what));
    }
  }

  Place place_ = Place::Start;
  unsigned fields_seen_ = 0;
  int offsets_read_ = 0;
  std::unordered_set<std::string> names_, metadata_names_;
};

/// Bytes of an element of any dtype of the format; 0 where it is unknown here (or smaller than a byte).
std::size_t stored_size(std::string_view dtype) {
  if (const auto element = safetensors_element(dtype)) return size_of(*element);
  if (dtype == "U64" || dtype == "C64") return 8;
  return dtype.starts_with("F8_") ? 1 : 0;
}

Result<void> verify(const SafetensorsHeader& header, std::uint64_t data_bytes, const std::string& file) {
  const auto failure = [&](std::string text) { return std::unexpected(Error{ErrorKind::Input, fmt::format("{}: {}", file, text)}); };
  std::uint64_t reached = 0;
  const SafetensorsEntry* before = nullptr;
  for (const SafetensorsEntry& entry : header.entries) {
    const std::string name = "tensor " + in_quotes(entry.name);
    if (entry.begin > entry.end) return failure(fmt::format("the data_offsets [{}, {}] of {} are reversed", entry.begin, entry.end, name));
    if (entry.end > data_bytes)
      return failure(fmt::format("the data_offsets [{}, {}] of {} are out of range: {} bytes of data follow the header (a truncated file?)", entry.begin, entry.end, name, data_bytes));
    if (const std::size_t size = stored_size(entry.dtype); size != 0) {
      const auto bytes = checked_bytes(entry.shape, size, file);
      if (!bytes) return std::unexpected(bytes.error());
      if (*bytes != entry.end - entry.begin)
        return failure(fmt::format("{} of shape {} and dtype {} takes {} bytes, and its data_offsets [{}, {}] span {}", name, shape_text(entry.shape), in_quotes(entry.dtype), *bytes,
                                   entry.begin, entry.end, entry.end - entry.begin));
    }
    if (entry.begin < reached) return failure(fmt::format("{} overlaps {} in its data_offsets", name, in_quotes(before->name)));
    if (entry.begin > reached) return failure(fmt::format("bytes {} to {} of the data belong to no tensor, which the format forbids", reached, entry.begin));
    reached = entry.end;
    before = &entry;
  }
  if (reached != data_bytes) return failure(fmt::format("the last {} bytes of the data belong to no tensor, which the format forbids", data_bytes - reached));
  return {};
}

}  // namespace

std::optional<FileElement> safetensors_element(std::string_view dtype) {
  static constexpr struct { std::string_view name; FileElement element; } kElements[] = {
      {"F16", FileElement::F16}, {"BF16", FileElement::BF16}, {"F32", FileElement::F32}, {"F64", FileElement::F64}, {"I8", FileElement::I8},   {"I16", FileElement::I16},
      {"I32", FileElement::I32}, {"I64", FileElement::I64},   {"U8", FileElement::U8},   {"U16", FileElement::U16}, {"U32", FileElement::U32}, {"BOOL", FileElement::Bool}};
  for (const auto& known : kElements)
    if (known.name == dtype) return known.element;
  return std::nullopt;
}

Result<SafetensorsHeader> read_safetensors_header(const ByteSource& source) {
  constexpr std::uint64_t kPrefix = 8;
  const std::string& file = source.name();
  const auto failure = [&](std::string text) { return std::unexpected(Error{ErrorKind::Input, std::move(text)}); };
  if (source.size() == 0) return failure(fmt::format("{} is empty; a safetensors file is expected", file));
  if (source.size() < kPrefix) return failure(fmt::format("{} is truncated: its {} bytes are too few for a safetensors file", file, source.size()));
  unsigned char raw[kPrefix];
  if (auto done = source.read(0, raw, kPrefix); !done) return std::unexpected(done.error());
  std::uint64_t length = 0;
  for (std::size_t i = kPrefix; i-- > 0;) length = length << 8 | raw[i];
  const std::uint64_t present = source.size() - kPrefix;
  if (length > present)
    return failure(fmt::format("{} is truncated or no safetensors file: a header of {} bytes is announced, and {} bytes follow", file, length, present));
  if (length > kMaxHeaderBytes) return failure(fmt::format("{}: a safetensors header of {} bytes is refused (at most {})", file, length, kMaxHeaderBytes));
  std::string text(static_cast<std::size_t>(length), '\0');
  if (auto done = source.read(kPrefix, text.data(), text.size()); !done) return std::unexpected(done.error());
  if (text.empty() || text[0] != '{') return failure(fmt::format("{} is not a safetensors file: its header does not begin with '{{'", file));

  HeaderReader reader;
  if (!nlohmann::json::sax_parse(text, &reader))
    return failure(fmt::format("{}: the safetensors header is malformed: {}", file, reader.fault.empty() ? "it ends too early" : reader.fault));
  SafetensorsHeader header;
  header.entries = std::move(reader.entries);
  header.data_offset = kPrefix + length;
  std::ranges::sort(header.entries, [](const SafetensorsEntry& a, const SafetensorsEntry& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  if (auto done = verify(header, source.size() - header.data_offset, file); !done) return std::unexpected(done.error());
  return header;
}

}  // namespace flexc::io
