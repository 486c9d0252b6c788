// bench --save: every input of a call in files, so that another system gets the same ones.
#pragma once

#include <string>
#include <vector>

#include "flexc/tensor.h"

namespace flexc::cli {

struct SavedTensor {
  std::string name;  ///< "q", "k", "v", or the capture's
  TensorView tensor;
  bool capture = false;
};

/// Where a tensor goes inside the directory, as `flexc run` takes it: "q.npy". A capture called q, k or v is "capture_q.npy". A
/// capture in bf16 is "NAME.safetensors:NAME", because .npy has no bf16 and a capture is taken in its own type only.
std::string saved_name(const SavedTensor& saved);

/// Writes the tensors and `description` (as call.json) into `directory`, which is made where it is missing: all files or none.
/// Throws Failure.
void save_inputs(const std::string& directory, const std::vector<SavedTensor>& tensors, const std::string& description);

/// Whether save_inputs could work, before long work is done; throws Failure.
void check_save_directory(const std::string& directory);

}  // namespace flexc::cli
