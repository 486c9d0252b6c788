// The kernels of test_lazy: with the lazy maximum, and the same without.
#include "tests/hopper/mods.h"
#include "tests/hopper/odd_factors.h"

namespace hopper_model {

const std::vector<ForwardKernel>& forward_kernels() {
  constexpr auto kBf16 = Element::kBf16;
  static const std::vector<ForwardKernel> all = {
      Member<kBf16, 192, 128, Plain>::kernel("exact"),
      Member<kBf16, 192, 128, Plain, 64, Lazy>::kernel("noop D64"),
      Member<kBf16, 192, 128, Causal, 64, Lazy>::kernel("causal D64"),
      Member<kBf16, 128, 128, Causal, 128, Lazy>::kernel("causal D128"),
      Member<kBf16, 128, 64, Alibi, 64, Lazy>::kernel("affine"),
      Member<kBf16, 128, 64, Factored<Factor::kPositive>, 64, Lazy>::kernel("general"),
      Member<kBf16, 128, 64, Document, 64, Lazy>::kernel("mask with a table"),
      Member<kBf16, 128, 64, Hollow, 64, Lazy>::kernel("empty rows"),
      Member<kBf16, 128, 64, Window, 64, Lazy>::kernel("window"),
      Member<kBf16, 128, 64, WindowAsMask, 64, Lazy>::kernel("window as mask"),
      Member<kBf16, 128, 64, Scattered, 64, Lazy>::kernel("scattered"),
  };
  return all;
}

const std::vector<ForwardKernel>& odd_factors() {
  static const std::vector<ForwardKernel> all = {Member<Element::kBf16, 128, 64, Factored<Factor::kOverflows>, 64, Lazy>::kernel("overflows")};
  return all;
}

}  // namespace hopper_model
