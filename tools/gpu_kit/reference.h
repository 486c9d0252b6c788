// What has to come out: the oracle on a call, the rules of accuracy, and a comparison by them. Needs the language, not the compiler.
#pragma once

#include "flexc/dsl/normal_form.h"
#include "flexc/gallery.h"
#include "tools/gpu_kit/call.h"

namespace flexc::kit {

/// By the rules of ANCHORS.md for a tested dtype: FlashAttention-3's on the largest error, FlexAttention's on the mean.
struct Limits {
  double error = 0, mean_error = 0, lse_error = 0;
};

struct Reference {
  Tensor out, lse;  ///< f32, exact
  Limits limits;
};

/// The entry's normal form. Internal: the gallery's texts are right.
Result<dsl::NormalForm> form_of(const GalleryEntry& entry);

/// The oracle on the call, exactly and in rounded mode of its dtype. `call` may hold any q, k, v.
Result<Reference> reference_of(const GalleryEntry& entry, const dsl::NormalForm& form, const HostCall& call, int threads);

struct Verdict {
  bool ok = false;
  double error = 0, mean_error = 0, lse_error = 0;
  std::size_t special = 0;  ///< infinities and NaNs that differ
};
Verdict judge(const TensorView& out, const TensorView& lse, const TensorView& expected_out, const TensorView& expected_lse, const Limits& limits);

}  // namespace flexc::kit
