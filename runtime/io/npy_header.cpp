#include "runtime/io/npy_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <utility>

#include "runtime/io/text.h"

namespace flexc::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxRank = 64;                  // numpy's own limit
constexpr std::uint32_t kMaxHeaderBytes = 1u << 20;   // numpy refuses above 10,000 unless told otherwise

std::unexpected<Error> failure(std::string text) { return std::unexpected(Error{ErrorKind::Input, std::move(text)}); }

/// A strict reader of the one literal that numpy writes: {'descr': …, 'fortran_order': …, 'shape': …, }
class DictionaryParser {
 public:
  DictionaryParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Result<NpyHeader> parse();

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::unexpected<Error> expected(std::string_view what) const {
    const std::string found = at_ < text_.size() ? in_quotes(text_.substr(at_, 20)) : "the end";
    return failure(fmt::format("{}: the .npy header is malformed: {} expected at its byte {}, {} found", file_, what, at_, found));
  }

  std::optional<std::string_view> string_literal();
  Result<void> descr(NpyHeader& header);
  Result<void> shape(NpyHeader& header);
  Result<void> refuse(std::string_view descr, std::string_view what, std::string_view remedy) const {
    return failure(fmt::format("{}: dtype {} is {}, which flexc does not read; {}", file_, in_quotes(descr), what, remedy));
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
};

/// Without escapes: no key and no dtype that is read has any.
std::optional<std::string_view> DictionaryParser::string_literal() {
  skip_space();
  if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return std::nullopt;
  const std::size_t end = text_.find(text_[at_], at_ + 1);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view body = text_.substr(at_ + 1, end - at_ - 1);
  if (body.find_first_of("\\\n\r") != std::string_view::npos) return std::nullopt;
  at_ = end + 1;
  return body;
}

Result<void> DictionaryParser::descr(NpyHeader& header) {
  skip_space();
  if (at_ < text_.size() && (text_[at_] == '[' || text_[at_] == '(' || text_[at_] == '{')) {
    const std::size_t end = std::min(text_.find("'fortran_order'", at_), text_.find("'shape'", at_));
    std::string_view written = text_.substr(at_, end == std::string_view::npos ? end : end - at_);
    while (!written.empty() && (written.back() == ' ' || written.back() == ',' || written.back() == '\n')) written.remove_suffix(1);
    return refuse(written, "structured", "save one field by itself, for example array['field'].copy()");
  }
  const auto literal = string_literal();
  if (!literal) return expected("a dtype such as '<f4'");
  const std::string_view name = *literal;
  std::string_view rest = name;
  char order = '=';
  if (!rest.empty() && std::string_view("<>=|").find(rest[0]) != std::string_view::npos) {
    order = rest[0];
    rest.remove_prefix(1);
  }
  if (rest.empty()) return refuse(name, "no dtype", "one such as '<f4' is expected");
  switch (rest[0]) {
    case 'O': return refuse(name, "object (pickled Python)", "convert with array.astype(numpy.float32)");
    case 'c': case 'F': case 'D': case 'G': return refuse(name, "complex", "save array.real and array.imag apart");
    case 'S': case 'U': case 'a': return refuse(name, "text", "save numbers");
    case 'M': case 'm': return refuse(name, "a date or a duration", "convert with array.astype(numpy.int64)");
    case 'V': return refuse(name, "structured or opaque", "convert with array.astype(numpy.float32) (bfloat16 arrays save so), or save one field by itself");
    default: break;
  }
  if (rest == "u8") return refuse(name, "unsigned 64-bit", "convert with array.astype(numpy.int64)");
  static constexpr struct { std::string_view name; FileElement element; } kElements[] = {
      {"f2", FileElement::F16}, {"f4", FileElement::F32}, {"f8", FileElement::F64}, {"i1", FileElement::I8},   {"i2", FileElement::I16}, {"i4", FileElement::I32},
      {"i8", FileElement::I64}, {"u1", FileElement::U8},  {"u2", FileElement::U16}, {"u4", FileElement::U32}, {"b1", FileElement::Bool}, {"?", FileElement::Bool}};
  for (const auto& known : kElements) {
    if (rest != known.name) continue;
    if (order == '|' && size_of(known.element) > 1) return refuse(name, "without a byte order", "'<' or '>' is expected before it");
    header.element = known.element;
    header.big_endian = order == '>';
    return {};
  }
  return refuse(name, rest[0] == 'f' ? "a float of another width" : "unknown",
                rest[0] == 'f' ? "convert with array.astype(numpy.float64)" : "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 b1 are read");
}

Result<void> DictionaryParser::shape(NpyHeader& header) {
  if (!take('(')) return expected("a shape such as (3, 4)");
  bool comma = true;  // as if one stood before the first extent
  while (!take(')')) {
    if (!comma) return expected("',' or ')'");
    skip_space();
    if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') return expected("an extent (an integer ≥ 0)");
    std::int64_t extent = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(extent, std::int64_t{10}, &extent) || __builtin_add_overflow(extent, std::int64_t{text_[at_] - '0'}, &extent))
        return failure(fmt::format("{}: an extent of its shape is larger than any memory", file_));
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote (3L, 4L)
    header.shape.push_back(extent);
    if (header.shape.size() > kMaxRank) return failure(fmt::format("{}: its shape has more than {} dimensions", file_, kMaxRank));
    comma = take(',');
  }
  if (header.shape.size() == 1 && !comma) return expected("',' before the ')' of a one-dimensional shape");
  return {};
}

Result<NpyHeader> DictionaryParser::parse() {
  NpyHeader header;
  bool seen[3] = {};
  constexpr std::string_view kKeys[3] = {"descr", "fortran_order", "shape"};
  if (!take('{')) return expected("'{'");
  bool comma = true;
  while (!take('}')) {
    if (!comma) return expected("',' or '}'");
    const std::size_t start = at_;
    const auto key = string_literal();
    std::size_t which = 0;
    while (key && which < 3 && kKeys[which] != *key) ++which;
    if (!key || which == 3) {
      at_ = start;
      skip_space();
      return expected("'descr', 'fortran_order' or 'shape'");
    }
    if (std::exchange(seen[which], true)) return failure(fmt::format("{}: the .npy header gives '{}' twice", file_, *key));
    if (!take(':')) return expected("':'");
    if (which == 0) {
      if (auto done = descr(header); !done) return std::unexpected(done.error());
    } else if (which == 1) {
      header.fortran_order = take_word("True");
      if (!header.fortran_order && !take_word("False")) return expected("True or False");
    } else if (auto done = shape(header); !done) {
      return std::unexpected(done.error());
    }
    comma = take(',');
  }
  skip_space();
  if (at_ != text_.size()) return expected("nothing more");
  for (std::size_t i = 0; i < 3; ++i)
    if (!seen[i]) return failure(fmt::format("{}: the .npy header lacks '{}'", file_, kKeys[i]));
  return header;
}

}  // namespace

Result<NpyHeader> read_npy_header(const ByteSource& source) {
  const std::string& file = source.name();
  if (source.size() == 0) return failure(fmt::format("{} is empty; a .npy file is expected", file));
  std::array<unsigned char, 12> start{};
  const std::size_t have = static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), start.size()));
  if (auto done = source.read(0, start.data(), have); !done) return std::unexpected(done.error());
  if (std::memcmp(start.data(), kMagic.data(), std::min(have, kMagic.size())) != 0)
    return failure(fmt::format("{} is not a .npy file: it does not begin with \\x93NUMPY", file));
  const unsigned major = start[6], minor = start[7];
  const std::size_t length_bytes = major == 1 ? 2 : 4, prefix = 8 + length_bytes;
  if (have >= 8 && (major < 1 || major > 3 || minor != 0))
    return failure(fmt::format("{}: .npy version {}.{} is unknown; 1.0, 2.0 and 3.0 are read", file, major, minor));
  if (have < prefix) return failure(fmt::format("{} is truncated inside the .npy header: it has {} bytes", file, source.size()));
  std::uint32_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | start[8 + i];
  if (length > source.size() - prefix)
    return failure(fmt::format("{} is truncated inside the .npy header: {} bytes are announced, and {} follow", file, length, source.size() - prefix));
  if (length > kMaxHeaderBytes) return failure(fmt::format("{}: a .npy header of {} bytes is refused (at most {})", file, length, kMaxHeaderBytes));
  std::string text(length, '\0');
  if (auto done = source.read(prefix, text.data(), length); !done) return std::unexpected(done.error());
  auto header = DictionaryParser(text, file).parse();
  if (header) header->data_offset = prefix + length;
  return header;
}

}  // namespace flexc::io
