// Any bytes as a safetensors file; and, since few mutations get past the length, any bytes as its header and data.
#include <cstring>
#include <string>
#include <string_view>

#include "tests/fuzz/tensor_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  flexc::fuzz::check(flexc::parse_safetensors(bytes, "a", "fuzz.safetensors"));
  // The header ends at the first newline, which JSON does not need.
  const std::size_t line = bytes.find('\n');
  const std::uint64_t length = line == std::string_view::npos ? size : line;
  std::string framed(8, '\0');
  std::memcpy(framed.data(), &length, 8);
  framed.append(bytes.substr(0, length));
  if (line != std::string_view::npos) framed.append(bytes.substr(line + 1));
  flexc::fuzz::check(flexc::parse_safetensors(framed, "a", "framed.safetensors"));
  return 0;
}
