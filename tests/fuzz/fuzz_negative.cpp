// A target with a fault, for the test of the runner: reading past the end of what is there.
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> copy(data, data + size);
  volatile std::uint8_t sink = 0;
  if (size > 3 && copy[0] == 'f' && copy[1] == 'l') sink = copy.data()[size];
  return sink & 0;
}
