// A captured tensor that the kit carries as a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flexc/dtype.h"

namespace flexc::kit {

struct CaseCapture {
  std::string file;  ///< raw elements, row-major; empty: not read by the variant
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;
};

}  // namespace flexc::kit
