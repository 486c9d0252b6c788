#include "tools/flexc/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/flexc/failure.h"

namespace flexc::cli {
namespace {

constexpr auto kQuietTime = std::chrono::milliseconds(500);
constexpr int kBarWidth = 40;

void check_stdout(bool written) {
  if (written || errno == EPIPE) return;
  throw Failure(ErrorKind::Environment, fmt::format("cannot write to standard output: {}", std::strerror(errno)));
}

}  // namespace

void print_result(std::string_view text) { check_stdout(std::fwrite(text.data(), 1, text.size(), stdout) == text.size()); }

void finish_results() { check_stdout(std::fflush(stdout) == 0); }

void print_message(std::string_view text) {
  const std::string line = fmt::format("flexc: {}\n", text);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void print_warning(std::string_view text) { print_message(fmt::format("warning: {}", text)); }

void print_diagnostics(const Diagnostics& diagnostics) {
  if (diagnostics.entries().empty()) return;
  const std::string text = diagnostics.render();
  std::fwrite(text.data(), 1, text.size(), stderr);
  if (!text.ends_with('\n')) std::fputc('\n', stderr);
}

Terminal describe_terminal() {
  const auto variable = [](const char* name) { const char* value = std::getenv(name); return std::string(value ? value : ""); };
  constexpr int kLeastColumns = 40, kMostColumns = 200;
  Terminal terminal;
  winsize size{};
  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  if (const int columns = std::atoi(variable("COLUMNS").c_str()); columns > 0) terminal.columns = columns;
  else if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) terminal.columns = size.ws_col;
  terminal.columns = std::clamp(terminal.columns, kLeastColumns, kMostColumns);
  terminal.colour = is_terminal && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string locale = variable(name);
    if (locale.empty()) continue;
    terminal.unicode = locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos;
    break;
  }
  return terminal;
}

ProgressBar::ProgressBar(std::string label) : label_(std::move(label)), start_(std::chrono::steady_clock::now()), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

std::function<void(double)> ProgressBar::callback() {
  if (!terminal_) return {};
  return [this](double share) { draw(share); };
}

void ProgressBar::draw(double share) {
  const int percent = static_cast<int>(share * 100);
  if (percent == last_percent_ || std::chrono::steady_clock::now() - start_ < kQuietTime) return;
  last_percent_ = percent;
  drawn_ = true;
  const int filled = percent * kBarWidth / 100;
  const std::string bar = fmt::format("\r{} [{:=<{}}{: <{}}] {:3d} %", label_, "", filled, "", kBarWidth - filled, percent);
  std::fwrite(bar.data(), 1, bar.size(), stderr);
  std::fflush(stderr);
}

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::string grouped(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::optional<double> kept_share(const BlockMask& mask, const MaskReport& report) {
  const double pairs = static_cast<double>(mask.batches) * static_cast<double>(mask.heads) * static_cast<double>(mask.q_len) * static_cast<double>(mask.kv_len);
  if (report.kept_pairs < 0 || pairs == 0) return std::nullopt;
  return static_cast<double>(report.kept_pairs) / pairs;
}

std::string byte_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) value /= 1024, ++unit;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string duration_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.3g} s", seconds);
}

}  // namespace flexc::cli
