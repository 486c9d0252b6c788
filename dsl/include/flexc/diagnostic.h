// Diagnostics about a variant's text: errors and warnings with code, place, caret, notes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flexc {

/// A half-open range of bytes in one of the variant's sources.
struct Span {
  std::uint32_t begin = 0, end = 0;
  std::uint16_t source = 0;
};

/// 1-based; columns count code points, a tab is one.
struct Location {
  int line = 1, column = 1;
};

/// A variant is made of one file, or of one or two bare expressions: each is a source with a name for messages.
struct Source {
  std::string name;
  std::string text;
};

enum class Severity : std::uint8_t { Error, Warning };

struct Note {
  Span span;
  std::string text;
};

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string_view code;  ///< a stable name out of dsl/codes.def, such as "undefined-name"
  Span span;
  std::string message;  ///< what was found, what was expected, the remedy; no trailing newline
  std::vector<Note> notes;
};

/// All diagnostics about one variant together with the text that they point into.
/// At most kMaxErrors errors and as many warnings are kept, the rest are counted ("… and N more errors"); a diagnostic that
/// repeats one that is there is dropped.
class Diagnostics {
 public:
  static constexpr std::size_t kMaxErrors = 100;

  Diagnostics() = default;
  explicit Diagnostics(std::vector<Source> sources) : sources_(std::move(sources)) {}

  /// Another source; returns what Span::source is to say for it.
  std::uint16_t add_source(Source source);
  void add(Diagnostic diagnostic);
  bool has_errors() const { return error_count_ > 0; }
  std::size_t error_count() const { return error_count_; }
  const std::vector<Diagnostic>& entries() const { return entries_; }
  const std::vector<Source>& sources() const { return sources_; }
  Location locate(Span span) const;
  /// The places of many spans, in one walk over each source.
  std::vector<Location> locate(const std::vector<Span>& spans) const;

  /// All entries in source order, `FILE:LINE:COL: error: TEXT [code]`, source line, caret line, notes.
  /// Control and bidirectional characters are escaped; long lines are windowed around the caret.
  std::string render() const;

 private:
  std::vector<Source> sources_;
  std::vector<Diagnostic> entries_;
  std::size_t error_count_ = 0, warning_count_ = 0;
};

/// Every code that a diagnostic may carry, sorted; `flexc check --list-codes` prints it.
std::vector<std::string_view> diagnostic_codes();

}  // namespace flexc
