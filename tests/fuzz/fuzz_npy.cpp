// Any bytes as a .npy file; and, since few mutations get past magic and length, any bytes as its dictionary and data.
#include <string>
#include <string_view>

#include "tests/fuzz/tensor_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  flexc::fuzz::check(flexc::parse_npy(bytes, "fuzz.npy"));
  const std::size_t line = bytes.find('\n');
  const std::size_t length = line == std::string_view::npos ? size : line + 1;
  if (length > 0xFFFF) return 0;
  std::string framed("\x93NUMPY\x01\x00", 8);
  framed += static_cast<char>(length & 0xFF);
  framed += static_cast<char>(length >> 8);
  flexc::fuzz::check(flexc::parse_npy(framed.append(bytes), "framed.npy"));
  return 0;
}
