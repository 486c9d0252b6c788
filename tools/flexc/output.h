// What flexc says: results on standard output, all else on standard error.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "flexc/flexc.h"

namespace flexc::cli {

/// To standard output; a Failure where that cannot be written (a full disk). A reader that went away is no error.
void print_result(std::string_view text);
/// Flushes standard output, with the same judgement.
void finish_results();
/// One line to standard error, "flexc: TEXT".
void print_message(std::string_view text);
void print_warning(std::string_view text);
/// Rendered to standard error as they are.
void print_diagnostics(const Diagnostics& diagnostics);

/// What standard output can show.
struct Terminal {
  int columns = 80;
  bool colour = false, unicode = false;
};
Terminal describe_terminal();

/// A bar on standard error, if that is a terminal and the work takes longer than a moment.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// For RunArguments::progress; empty where there is no terminal.
  std::function<void(double)> callback();

 private:
  void draw(double share);
  std::string label_;
  std::chrono::steady_clock::time_point start_;
  bool terminal_, drawn_ = false;
  int last_percent_ = -1;
};

/// "1, 4, 512, 64" in brackets.
std::string shape_text(const std::vector<std::int64_t>& shape);
/// 12345678 as "12,345,678".
std::string grouped(std::int64_t number);
/// Share of the stored pairs that are kept; nothing where it is not known, or where there are no pairs.
std::optional<double> kept_share(const BlockMask& mask, const MaskReport& report);
/// "1.5 MiB"
std::string byte_text(std::uint64_t bytes);
/// "850 us", "12.3 ms", "4.56 s"
std::string duration_text(double seconds);

}  // namespace flexc::cli
