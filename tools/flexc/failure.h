// How a verb gives up: an exception with the exit code's kind, turned into text and status in main.cpp alone.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "flexc/diagnostic.h"
#include "flexc/error.h"

namespace flexc::cli {

inline constexpr int kExitDone = 0, kExitInput = 1, kExitUsage = 2, kExitEnvironment = 3, kExitBug = 70;

constexpr int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Input: return kExitInput;
    case ErrorKind::Usage: return kExitUsage;
    case ErrorKind::Environment: return kExitEnvironment;
    case ErrorKind::Internal: return kExitBug;
  }
  return kExitBug;
}

class Failure : public std::exception {
 public:
  explicit Failure(Error error) : error_(std::move(error)) {}
  Failure(ErrorKind kind, std::string message) : error_{kind, std::move(message)} {}
  const Error& error() const { return error_; }
  const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  Error error_;
};

/// The variant's text is at fault: rendered to standard error as it is, exit 1.
class VariantFailure : public std::exception {
 public:
  explicit VariantFailure(Diagnostics diagnostics) : diagnostics_(std::move(diagnostics)) {}
  const Diagnostics& diagnostics() const { return diagnostics_; }
  const char* what() const noexcept override { return "the variant has errors"; }

 private:
  Diagnostics diagnostics_;
};

[[noreturn]] inline void usage_error(std::string message) { throw Failure(ErrorKind::Usage, std::move(message)); }
[[noreturn]] inline void input_error(std::string message) { throw Failure(ErrorKind::Input, std::move(message)); }

/// The value of a Result, or a Failure.
template <class T>
T take(Result<T> result) {
  if (!result) throw Failure(std::move(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace flexc::cli
