// Numbers as bytes, little-endian on every machine: cache entries, bundles, and the programs and descriptions inside them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace flexc::runtime {

/// Appends a number.
template <std::integral T>
void put(std::vector<std::byte>& out, T value) {
  const auto bits = static_cast<std::make_unsigned_t<T>>(value);
  const std::size_t begin = out.size();
  out.resize(begin + sizeof bits);
  for (std::size_t i = 0; i < sizeof bits; ++i) out[begin + i] = static_cast<std::byte>(bits >> (8 * i));
}

/// Appends the length, 32 bits, and the bytes.
inline void put_block(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  put(out, static_cast<std::uint32_t>(bytes.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// The number at `offset`; all of it is there.
template <std::integral T>
T number_at(std::span<const std::byte> bytes, std::size_t offset) {
  std::make_unsigned_t<T> bits = 0;
  for (std::size_t i = 0; i < sizeof bits; ++i) bits = static_cast<decltype(bits)>(bits | static_cast<decltype(bits)>(std::to_integer<decltype(bits)>(bytes[offset + i])) << (8 * i));
  return static_cast<T>(bits);
}

/// Reads from the front, and nothing beyond the end: what is missing is 0 or empty, and is remembered.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <std::integral T>
  T take() {
    const auto bytes = take_bytes(sizeof(T));
    return bytes.empty() ? T{0} : number_at<T>(bytes, 0);
  }
  /// A 32-bit count of items of at least `item_bytes` each, so that no count can ask for more memory than the bytes themselves have; else 0.
  std::uint32_t take_count(std::size_t item_bytes) {
    const auto count = take<std::uint32_t>();
    if (rest_.size() / item_bytes >= count) return count;
    fits_ = false;
    return 0;
  }
  /// What put_block wrote.
  std::span<const std::byte> take_block() { return take_bytes(take<std::uint32_t>()); }
  std::span<const std::byte> take_bytes(std::size_t size) {
    if (!fits_ || size > rest_.size()) {
      fits_ = false;
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  std::span<const std::byte> rest() const { return rest_; }
  /// Whether nothing was missing.
  bool fits() const { return fits_; }
  /// Whether nothing was missing, and nothing is left.
  bool done() const { return fits_ && rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  bool fits_ = true;
};

}  // namespace flexc::runtime
