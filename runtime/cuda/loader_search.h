// Where the dynamic loader would find a library, without loading it: NVRTC is 109 MB, and a kernel that is cached needs none of it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace flexc::runtime {

/// The file that dlopen(name) would most likely open: itself for a name with a slash, else the first of LD_LIBRARY_PATH, the loader's cache and its
/// default folders. Empty where there is none. Folders that an executable itself names (RUNPATH) are not looked into.
std::string find_library(std::string_view name);

/// The path that a loader's cache (/etc/ld.so.cache, the format of glibc 2.2 and later) gives for `name`; empty where it has none or is no such cache.
/// No byte outside of `cache` is read.
std::string path_in_loader_cache(std::span<const std::byte> cache, std::string_view name);

}  // namespace flexc::runtime
