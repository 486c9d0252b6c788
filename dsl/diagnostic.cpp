#include "flexc/diagnostic.h"

#include <algorithm>
#include <numeric>
#include <iterator>
#include <numeric>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/utf8.h"

namespace flexc {
namespace {

using dsl::CodePoint;
using dsl::decode_utf8;

constexpr std::size_t kMaxShownColumns = 400;  // of a source line; a longer one is windowed around the caret
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr char32_t kLineSeparator = 0x2028, kParagraphSeparator = 0x2029;

/// Columns that a terminal gives a code point, roughly: enough to keep the caret in place after CJK text and accents.
std::size_t display_width(char32_t c) {
  if (c < 0x300) return 1;
  if (c <= 0x36F || (c >= 0x200B && c <= 0x200D) || c == 0x2060 || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF) return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                    (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) || (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) ||
                    (c >= 0x20000 && c <= 0x3FFFD);
  return wide ? 2 : 1;
}

/// Appends one code point in a form that cannot disturb a terminal; returns the columns it takes.
std::size_t append_visible(std::string& out, std::string_view text, std::size_t at, const CodePoint& c) {
  const std::size_t before = out.size();
  if (!c.valid) {
    for (std::size_t i = 0; i < c.length; ++i) fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[at + i]));
  } else if (c.value == '\t') {
    out += '\t';
  } else if (c.value < 0x20 || c.value == 0x7F) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(c.value));
  } else if ((c.value >= 0x80 && c.value < 0xA0) || dsl::is_bidi_control(c.value) || c.value == kLineSeparator || c.value == kParagraphSeparator) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c.value));
  } else {
    out.append(text.substr(at, c.length));
    return display_width(c.value);
  }
  return out.size() - before;
}

std::string visible(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    append_visible(out, text, at, c);
    at += c.length;
  }
  return out;
}

/// Finds lines and columns; cheap when asked in ascending order, even on one line of a mebibyte.
class Locator {
 public:
  explicit Locator(std::string_view text) : text_(text) {
    if (text_.starts_with(kByteOrderMark)) line_begin_ = at_ = kByteOrderMark.size();
  }

  Location locate(std::size_t offset) {
    offset = std::min(offset, text_.size());
    if (offset < at_) *this = Locator(text_);
    while (at_ < offset) {
      if (text_[at_] == '\n') {
        ++line_;
        column_ = 1;
        line_begin_ = ++at_;
        continue;
      }
      const std::size_t length = decode_utf8(text_, at_).length;
      if (at_ + length > offset) break;  // inside a character: its column
      at_ += length;
      ++column_;
    }
    return {line_, column_};
  }

  /// Where the line of the last place asked for begins.
  std::size_t line_begin() const { return line_begin_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0, line_begin_ = 0;
  int line_ = 1, column_ = 1;
};

/// The source line and the caret line under it.
void append_excerpt(std::string& out, std::string_view text, std::size_t line_begin, std::size_t column, Span span) {
  std::size_t line_end = std::min(text.find('\n', line_begin), text.size());
  if (line_end > line_begin && text[line_end - 1] == '\r') --line_end;
  // Windowing: from the code point `skip` on, at most kMaxShownColumns of them.
  std::size_t skip = 0;
  bool cut = false;
  {
    std::size_t length = 0, at = line_begin;
    const std::size_t enough = column + kMaxShownColumns;
    for (; at < line_end && length <= enough; ++length) at += decode_utf8(text, at).length;
    cut = length > kMaxShownColumns;
    if (cut && column > kMaxShownColumns / 2) skip = column - kMaxShownColumns / 2;
  }
  std::string shown, caret;
  // A byte order mark is echoed, so that the line is shown as it is, but takes no column.
  if (line_begin == kByteOrderMark.size() && text.starts_with(kByteOrderMark) && skip == 0) shown += kByteOrderMark;
  if (skip > 0) {
    shown += "…";
    caret += ' ';
  }
  std::size_t index = 0, at = line_begin;
  bool placed = false;
  while (at < line_end && index < skip + kMaxShownColumns) {
    const CodePoint c = decode_utf8(text, at);
    if (index >= skip) {
      const std::size_t width = append_visible(shown, text, at, c);
      if (index + 1 < column) {
        caret.append(width, c.value == '\t' ? '\t' : ' ');
      } else if (index + 1 == column) {
        placed = true;
        caret += '^';
        if (width > 1) caret.append(width - 1, '~');
      } else if (at < span.end) {
        caret.append(width, '~');
      }
    }
    ++index;
    at += c.length;
  }
  if (!placed) caret += '^';
  if (cut && at < line_end) shown += "…";
  out += shown;
  out += '\n';
  out += caret;
  out += '\n';
}

void append_place(std::string& out, const Source& source, Location place) {
  fmt::format_to(std::back_inserter(out), "{}:{}:{}: ", source.name, place.line, place.column);
}

bool same(const Diagnostic& x, const Diagnostic& y) {
  return x.span.begin == y.span.begin && x.span.end == y.span.end && x.span.source == y.span.source && x.code == y.code && x.severity == y.severity &&
         x.message == y.message;
}

void append_rest(std::string& out, std::size_t count, std::string_view what) {
  if (count > Diagnostics::kMaxErrors) {
    const std::size_t more = count - Diagnostics::kMaxErrors;
    fmt::format_to(std::back_inserter(out), "… and {} more {}{}\n", more, what, more == 1 ? "" : "s");
  }
}

}  // namespace

std::uint16_t Diagnostics::add_source(Source source) {
  sources_.push_back(std::move(source));
  return static_cast<std::uint16_t>(sources_.size() - 1);
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (std::any_of(entries_.begin(), entries_.end(), [&](const Diagnostic& other) { return same(diagnostic, other); })) return;
  std::size_t& count = diagnostic.severity == Severity::Error ? error_count_ : warning_count_;
  if (++count <= kMaxErrors) entries_.push_back(std::move(diagnostic));
}

Location Diagnostics::locate(Span span) const {
  if (span.source >= sources_.size()) return {};
  return Locator(sources_[span.source].text).locate(span.begin);
}

std::vector<Location> Diagnostics::locate(const std::vector<Span>& spans) const {
  std::vector<std::size_t> order(spans.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return spans[i].begin; });
  std::vector<Locator> locators;
  for (const Source& source : sources_) locators.emplace_back(source.text);
  std::vector<Location> places(spans.size());
  for (const std::size_t i : order)
    if (spans[i].source < locators.size()) places[i] = locators[spans[i].source].locate(spans[i].begin);
  return places;
}

std::string Diagnostics::render() const {
  std::vector<const Diagnostic*> order(entries_.size());
  std::transform(entries_.begin(), entries_.end(), order.begin(), [](const Diagnostic& d) { return &d; });
  std::stable_sort(order.begin(), order.end(), [](const Diagnostic* x, const Diagnostic* y) {
    return x->span.source != y->span.source ? x->span.source < y->span.source : x->span.begin < y->span.begin;
  });
  std::vector<Locator> locators;
  for (const Source& source : sources_) locators.emplace_back(source.text);
  std::string out;
  for (const Diagnostic* d : order) {
    const std::string_view severity = d->severity == Severity::Error ? "error" : "warning";
    if (d->span.source >= sources_.size()) {  // about no text: made without sources
      fmt::format_to(std::back_inserter(out), "{}: {} [{}]\n", severity, visible(d->message), d->code);
      continue;
    }
    const Source& source = sources_[d->span.source];
    Locator& locator = locators[d->span.source];
    const Location place = locator.locate(d->span.begin);
    append_place(out, source, place);
    fmt::format_to(std::back_inserter(out), "{}: {} [{}]\n", severity, visible(d->message), d->code);
    append_excerpt(out, source.text, locator.line_begin(), static_cast<std::size_t>(place.column), d->span);
    for (const Note& note : d->notes) {
      if (note.span.source >= sources_.size()) continue;
      const Source& note_source = sources_[note.span.source];
      Locator note_locator(note_source.text);
      const Location note_place = note_locator.locate(note.span.begin);
      append_place(out, note_source, note_place);
      fmt::format_to(std::back_inserter(out), "note: {}\n", visible(note.text));
      append_excerpt(out, note_source.text, note_locator.line_begin(), static_cast<std::size_t>(note_place.column), note.span);
    }
  }
  append_rest(out, error_count_, "error");
  append_rest(out, warning_count_, "warning");
  return out;
}

std::vector<std::string_view> diagnostic_codes() {
  std::vector<std::string_view> list;
#define FLEXC_CODE(name) list.push_back(dsl::codes::name);
#include "dsl/codes.def"
#undef FLEXC_CODE
  std::sort(list.begin(), list.end());
  return list;
}

}  // namespace flexc
