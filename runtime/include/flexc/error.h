// Error: what went wrong outside of a variant's text (that is what diagnostic.h is for).
#pragma once

#include <expected>
#include <string>

namespace flexc {

/// Whose fault it is; the command line turns it into its exit code.
enum class ErrorKind {
  Input,        ///< the variant, a tensor or a file (exit 1)
  Usage,        ///< the call itself: an option that does not exist, a value out of range (exit 2)
  Environment,  ///< something is missing here: a GPU, NVRTC, a writable directory (exit 3)
  Internal,     ///< a bug in flexc (exit 70)
};

struct Error {
  ErrorKind kind = ErrorKind::Input;
  std::string message;  ///< one sentence or more: what was found, what was expected, the remedy; no trailing newline
};

template <class T>
using Result = std::expected<T, Error>;

}  // namespace flexc
