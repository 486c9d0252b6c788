// The bundle with cubins of the tests beside this file: one variant, bf16, head dim 64.
#pragma once

#include "tests/bundle/bundle_fixture.h"
#include "tests/cuda/launched_variant.h"

namespace flexc::test {

inline const CompiledBundle& cuda_bundle() {
  static const CompiledBundle bundle = bundle_of({{"window", variant_of(kWindow)}}, {.dtypes = {bf16}, .head_dims = {64}, .features = {"lse", "max_scores", "sink"}});
  return bundle;
}

}  // namespace flexc::test
