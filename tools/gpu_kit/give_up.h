// The end of a program of the kit: a message and an exit status, the same for its writer and its runner.
#pragma once

#include <cstdlib>
#include <iostream>
#include <string>

#include "flexc/error.h"

namespace flexc::kit {

inline constexpr int kExitDiffers = 1, kExitUsage = 2, kExitEnvironment = 3, kExitBug = 70;

[[noreturn]] inline void give_up(const Error& error) {
  std::cerr << "flexc GPU kit: " << error.message << "\n";
  std::exit(error.kind == ErrorKind::Environment ? kExitEnvironment : error.kind == ErrorKind::Internal ? kExitBug : kExitUsage);
}

template <class T>
T take(std::expected<T, Error> result) {
  if (!result) give_up(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace flexc::kit
