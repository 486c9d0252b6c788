// The decoding loop in a host without a compiler: its kernel was compiled ahead of time, and it links flexc::runtime alone.
//   decode_bundle DECODER.flexb [--plant offset|leak]
// Exit status: 0 the logits are those of the formulas and memory does not grow, 1 something is wrong, 3 the bundle was refused.
#include <flexc/engine.h>

#include "decode_loop.h"
#include "decoder.h"
#include "must.h"

int main(int argc, char** argv) {
  if (argc < 2) stop("usage: decode_bundle DECODER.flexb");
  const flexc::Engine engine;
  const flexc::Bundle bundle = must(engine.load_bundle(argv[1]));
  const DecodeReport report =
      decode([&](std::int64_t) { return must(bundle.kernel("decoder", {.dtype = flexc::f32, .head_dim = kHeadDim})); }, option(argc, argv, "--plant"));
  report.print("from a bundle, no compiler");
  return report.right() && report.steady() ? 0 : 1;
}
