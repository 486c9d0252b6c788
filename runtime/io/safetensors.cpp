#include "runtime/io/safetensors.h"

#include <algorithm>
#include <fmt/format.h>

#include "runtime/io/safetensors_header.h"
#include "runtime/io/text.h"
#include "runtime/nearest_name.h"

namespace flexc::io {
namespace {

/// "it has 'k' F32 (2, 3), 'q' F32 (2, 3)", in the order of names and cut where it gets long.
std::string listing(const SafetensorsHeader& header) {
  constexpr std::size_t kMostListed = 20;
  if (header.entries.empty()) return "it has no tensors";
  std::vector<const SafetensorsEntry*> sorted;
  for (const SafetensorsEntry& entry : header.entries) sorted.push_back(&entry);
  std::ranges::sort(sorted, {}, [](const SafetensorsEntry* entry) -> const std::string& { return entry->name; });
  std::string out = "it has ";
  for (std::size_t i = 0; i < std::min(sorted.size(), kMostListed); ++i)
    out += fmt::format("{}{} {} {}", i == 0 ? "" : ", ", in_quotes(sorted[i]->name), in_quotes(sorted[i]->dtype, 16), shape_text(sorted[i]->shape));
  return sorted.size() > kMostListed ? fmt::format("{} and {} more", out, sorted.size() - kMostListed) : out;
}

}  // namespace

Result<LoadedTensor> read_safetensors(const ByteSource& source, std::string_view tensor) {
  const auto header = read_safetensors_header(source);
  if (!header) return std::unexpected(header.error());
  const auto failure = [&](std::string text) { return std::unexpected(Error{ErrorKind::Input, fmt::format("{}: {}", source.name(), text)}); };
  if (tensor.empty()) return failure(fmt::format("which tensor? Write FILE.safetensors:TENSOR; {}", listing(*header)));
  const auto found = std::ranges::find(header->entries, tensor, &SafetensorsEntry::name);
  if (found == header->entries.end()) {
    std::vector<std::string_view> names;
    for (const SafetensorsEntry& entry : header->entries) names.push_back(entry.name);
    const std::string_view nearest = nearest_name(tensor, names);
    return failure(fmt::format("there is no tensor {}{}; {}", in_quotes(tensor), nearest.empty() ? "" : fmt::format(", did you mean {}?", in_quotes(nearest)), listing(*header)));
  }
  const auto element = safetensors_element(found->dtype);
  if (!element)
    return failure(fmt::format("tensor {} has dtype {}, which flexc does not read; convert it to one of F32 F16 BF16 F64 I8 I16 I32 I64 U8 U16 U32 BOOL{}", in_quotes(tensor),
                               in_quotes(found->dtype, 16), found->dtype == "U64" ? " (I64 here)" : ""));
  auto loaded = read_elements(source, header->data_offset + found->begin, *element, false, found->shape);
  if (!loaded) return std::unexpected(loaded.error());
  return LoadedTensor{std::move(*loaded), {}};
}

}  // namespace flexc::io
