// What a reader may answer to any bytes: an Error with words, or a tensor all of whose elements can be read.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "flexc/io.h"

namespace flexc::fuzz {

inline void check(const Result<LoadedTensor>& result) {
  if (!result) {
    if (result.error().message.empty()) std::abort();
    return;
  }
  const TensorView& view = result->tensor.view();
  if (view.strides != TensorView::row_major_strides(view.shape)) std::abort();
  volatile double sum = 0;
  for (std::int64_t i = 0; i < view.element_count(); ++i) sum = sum + load_as_double(view, i);
  // What was read can be written, and reads the same again.
  const auto again = parse_npy(npy_bytes(view), "again");
  if (!again || again->tensor.view().shape != view.shape) std::abort();
}

}  // namespace flexc::fuzz
