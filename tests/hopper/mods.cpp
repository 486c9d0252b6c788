// The kernels of test_forward_mods: a path each that noop and causal do not take.
#include "tests/hopper/mods.h"

namespace hopper_model {

const std::vector<ForwardKernel>& forward_kernels() {
  static const std::vector<ForwardKernel> all = {
      Member<Element::kBf16, 128, 64, Alibi>::kernel("affine"),
      Member<Element::kBf16, 128, 64, Negated>::kernel("affine, negative factor"),
      Member<Element::kF16, 128, 80, Softcap>::kernel("general, f16"),
      Member<Element::kBf16, 192, 128, Document>::kernel("mask with a table"),
      Member<Element::kBf16, 128, 64, Relative<false>>::kernel("differences"),
      Member<Element::kBf16, 192, 128, Relative<true>>::kernel("differences, in turn"),
      Member<Element::kBf16, 128, 64, TwoIntervals>::kernel("two intervals"),
      Member<Element::kBf16, 128, 176, TwoIntervals>::kernel("two intervals, two words a row"),
      Member<Element::kBf16, 128, 64, SecondAlone>::kernel("second interval alone"),
      Member<Element::kBf16, 128, 64, Hollow>::kernel("empty rows"),
      Member<Element::kBf16, 128, 128, BandAndMask>::kernel("band and mask"),
      Member<Element::kBf16, 128, 64, Scattered>::kernel("scattered"),
  };
  return all;
}

}  // namespace hopper_model
