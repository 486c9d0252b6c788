// A small program's way with errors: say it and stop.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <flexc/error.h>

[[noreturn]] inline void stop(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(3);
}

/// Of an Error, of a variant's Diagnostics, of a CompileError: hosts of bundles alone know the first only.
template <class E>
std::string text_of(const E& error) {
  if constexpr (requires { error.message; }) return error.message;
  else if constexpr (requires { error.render(); }) return error.render();
  else return error.diagnostics ? error.diagnostics->render() : error.error.message;
}

/// What `result` holds, or the end.
template <class T, class E>
T must(std::expected<T, E> result) {
  if (!result) stop(text_of(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The value behind `name`, as in `--plant leak`; empty where it is not given.
inline std::string option(int argc, char** argv, std::string_view name) {
  for (int i = 1; i + 1 < argc; ++i)
    if (argv[i] == name) return argv[i + 1];
  return {};
}
