// The gallery: the field's attention variants, each with its text, an example, and makers for the tensors that it reads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/io.h"

namespace flexc {

struct GalleryEntry {
  std::string_view name;
  std::string_view description;  ///< one line, from the first comment of the text
  std::string_view example;      ///< a command line that runs it, from the second
  std::string_view text;         ///< the whole file
};

/// Every entry, sorted by name.
std::span<const GalleryEntry> gallery();
/// Null for an unknown name.
const GalleryEntry* find_gallery_entry(std::string_view name);

/// What a maker needs to know: the problem symbols as the mods see them, and replaced consts (name → text).
struct GalleryProblem {
  std::int64_t batch = 1, heads = 1, kv_heads = 1, q_total = 0, kv_total = 0;
  std::map<std::string, std::string, std::less<>> consts = {};
};

/// The tensor that `capture` of `entry` gets where none is given: a plausible one, the same for equal arguments on every
/// machine. `dims` are the declared ones as Variant::captures() gives them: integers, problem symbols, fresh names (whose size
/// the maker chooses). Nothing for an unknown entry or capture, or where a const it depends on is no plain integer.
std::optional<Tensor> make_capture(std::string_view entry, std::string_view capture, std::span<const std::string> dims,
                                   const GalleryProblem& problem, std::uint64_t seed);

/// The candidate that `name` is most likely a misspelling of, or "" where none is near.
std::string_view suggest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace flexc
