// Bytes as the text of a variant: a file, or bare expressions when the first byte is '!'.
#include <cstdint>
#include <string>

#include "tests/fuzz/front_end.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  using flexc::Source;
  if (!text.empty() && text[0] == '!') {
    const std::size_t cut = text.find('!', 1);
    const bool both = cut != std::string::npos;
    flexc::fuzz::run_front_end({Source{"score", text.substr(1, both ? cut - 1 : cut)}, Source{both ? "mask" : "", both ? text.substr(cut + 1) : ""}}, true);
  } else {
    flexc::fuzz::run_front_end({Source{"fuzz.flex", text}}, false);
  }
  return 0;
}
