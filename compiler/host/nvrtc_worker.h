// NVRTC at work beside this thread: it is opened while the text that it will compile is still being emitted.
#pragma once

#include <future>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "flexc/error.h"
#include "runtime/cuda/child.h"
#include "runtime/cuda/cubin.h"
#include "runtime/cuda/nvrtc.h"

namespace flexc {

/// What became of a ladder of texts.
struct CompiledLadder {
  std::size_t step = 0;  ///< the first text whose kernel neither spills nor uses a stack; if all do, the one that spills least
  runtime::CudaBinary binary;
  runtime::CubinReport report;
  unsigned spill_bytes = 0;
  std::string nvrtc;  ///< the file that compiled it
};

class NvrtcWorker {
 public:
  /// Begins to open NVRTC: in a child with the limits that the environment asks for, else on a thread. Usage where those are no numbers.
  static Result<NvrtcWorker> start(bool in_child);

  /// Environment where there is no NVRTC; whatever becomes of the child, and NVRTC rejecting a text, is Internal.
  Result<CompiledLadder> compile(std::span<const std::string> texts, const std::string& architecture);

 private:
  std::optional<runtime::Child> child_;
  std::future<Result<runtime::Nvrtc>> nvrtc_;
};

}  // namespace flexc
