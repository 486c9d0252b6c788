// Random numbers that are the same everywhere: integers from Philox4x32-10 and XXH3, normals from a Box–Muller transform whose
// logarithm and cosine are written out below. libm's differ in the last bit between versions and between processors (it picks
// fused variants at run time); here every step is one correctly rounded IEEE operation, and flexc builds without contraction.
// docs/random.md states the scheme and golden values.
#include "flexc/random.h"

#include <cmath>
#include <xxhash.h>

namespace flexc {
namespace {

/// ln x for a normal positive x: x = m·2^e with m in [√½, √2), ln m = 2·artanh((m − 1)/(m + 1)) by its series. The argument is
/// at most 0.1716 in magnitude, so thirteen terms leave less than 2^-60.
double portable_log(double x) {
  constexpr double kLn2High = 0x1.62e42fefa3800p-1, kLn2Low = 0x1.ef35793c76730p-45;  // the high part has 42 bits: e · high is exact
  constexpr int kTerms = 13;
  int exponent;
  double mantissa = std::frexp(x, &exponent);  // exact
  if (mantissa < 0.70710678118654752) {
    mantissa = mantissa + mantissa;
    --exponent;
  }
  const double s = (mantissa - 1.0) / (mantissa + 1.0), s2 = s * s;
  double series = 1.0 / (2 * kTerms - 1);
  for (int i = kTerms - 1; i >= 1; --i) series = series * s2 + 1.0 / (2 * i - 1);
  return exponent * kLn2High + (2.0 * s * series + exponent * kLn2Low);
}

/// cos(2πu) for u in [0, 1): the quadrant is split off exactly, and a Taylor series of cosine or sine runs over |angle| ≤ π/4.
double portable_cos_turns(double u) {
  constexpr double kHalfPi = 1.5707963267948966;
  const double quarters = u * 4.0;  // exact
  const double nearest = std::floor(quarters + 0.5);
  const double angle = (quarters - nearest) * kHalfPi, a2 = angle * angle;
  const int quadrant = static_cast<int>(nearest) & 3;
  constexpr int kTerms = 9;
  double series = 1.0;
  const bool sine = (quadrant & 1) != 0;
  for (int i = kTerms; i >= 1; --i) {
    const int n = sine ? 2 * i * (2 * i + 1) : (2 * i - 1) * 2 * i;
    series = 1.0 - a2 / n * series;
  }
  const double value = sine ? angle * series : series;
  return quadrant == 1 || quadrant == 2 ? -value : value;
}

constexpr std::uint64_t joined(std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; }

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;  // the paper's constants: multipliers,
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;              // golden ratio and √3 − 1
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kMultiplier0} * counter[0], product1 = std::uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

CounterRandom::CounterRandom(std::uint64_t seed, std::string_view tensor_name)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, stream_(XXH3_64bits(tensor_name.data(), tensor_name.size())) {}

std::array<std::uint32_t, 4> CounterRandom::block(std::uint64_t index) const {
  return philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)}, key_);
}

std::uint64_t CounterRandom::bits(std::uint64_t index) const {
  const auto words = block(index);
  return joined(words[0], words[1]);
}

double CounterRandom::uniform(std::uint64_t index) const { return static_cast<double>(bits(index) >> 11) * 0x1p-53; }

std::uint64_t CounterRandom::below(std::uint64_t index, std::uint64_t bound) const {
  // The high half of bits · bound: no rejection, so that one index is one draw; the bias is below bound · 2^-64.
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(bits(index)) * bound >> 64);
}

double CounterRandom::normal(std::uint64_t index) const {
  const auto words = block(index);
  // u in (0, 1] and w in [0, 1), 53 bits each: √(−2 ln u) · cos(2πw). The largest magnitude is √(106 ln 2) = 8.57.
  const double u = static_cast<double>((joined(words[0], words[1]) >> 11) + 1) * 0x1p-53;
  const double w = static_cast<double>(joined(words[2], words[3]) >> 11) * 0x1p-53;
  return std::sqrt(-2.0 * portable_log(u)) * portable_cos_turns(w);
}

void fill_normal(const TensorView& tensor, std::uint64_t seed, std::string_view tensor_name) {
  const CounterRandom random(seed, tensor_name);
  const std::int64_t count = tensor.element_count();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(random.normal(static_cast<std::uint64_t>(i)));
    switch (tensor.dtype) {
      case DType::F32: static_cast<float*>(tensor.data)[i] = value; break;
      case DType::F16: static_cast<std::uint16_t*>(tensor.data)[i] = float_to_f16(value); break;
      case DType::BF16: static_cast<std::uint16_t*>(tensor.data)[i] = float_to_bf16(value); break;
      default: return;
    }
  }
}

}  // namespace flexc
