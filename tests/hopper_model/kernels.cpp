// The kernels of test_forward and of the mutants: plain and causal attention on the tiles that flexc ships.
#include "tests/hopper/mods.h"

namespace hopper_model {

const std::vector<ForwardKernel>& forward_kernels() {
  constexpr auto kBf16 = Element::kBf16;
  static const std::vector<ForwardKernel> all = {
      Member<kBf16, 192, 128, Plain>::kernel("noop D64"),           Member<kBf16, 192, 128, Causal>::kernel("causal D64"),
      Member<kBf16, 128, 128, Causal, 128>::kernel("causal D128"), Member<Element::kF16, 128, 128, Causal, 128>::kernel("causal D128 f16"),
      Member<kBf16, 128, 176, Plain, 128>::kernel("noop D128"),    Member<kBf16, 128, 64, Causal, 256>::kernel("causal D256"),
  };
  return all;
}

}  // namespace hopper_model
