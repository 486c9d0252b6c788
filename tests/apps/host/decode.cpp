// A decoding loop: a prompt, then token after token over a cache of keys and values that grows. Nothing is compiled after the first
// call, memory does not grow, and the logits are those of the formulas.
//   decode DECODER.flex [--plant offset|recompile|leak]
// Exit status: 0 all of that holds, 1 something does not, 3 flexc failed. Each plant breaks one of the three, which must be noticed.
#include <fstream>
#include <sstream>

#include <flexc/flexc.h>

#include "decode_loop.h"
#include "decoder.h"
#include "must.h"

int main(int argc, char** argv) {
  if (argc < 2) stop("usage: decode DECODER.flex");
  std::stringstream file;
  file << std::ifstream(argv[1]).rdbuf();
  const std::string text = file.str(), plant = option(argc, argv, "--plant");
  flexc::Variant variant = must(flexc::Variant::parse(text, {.name = argv[1]}));

  flexc::Engine engine;
  const DecodeReport report = decode(
      [&](std::int64_t step) {
        // A constant added to every score changes no result, but it is another variant.
        if (plant == "recompile") variant = must(flexc::Variant::parse(std::string(text).replace(text.find("score + "), 8, "score + " + std::to_string(step) + ".0 + ")));
        return must(engine.compile(variant, {.dtype = flexc::f32, .head_dim = kHeadDim}));
      },
      plant);

  const flexc::EngineStatistics counts = engine.statistics();
  const std::uint64_t made = counts.compilations + counts.disk_hits;
  report.print(std::to_string(counts.kernels_made) + " kernel made, " + std::to_string(made - 1) + " compilations after the first call");
  const bool once = counts.kernels_made == 1 && made == 1;
  if (!once) std::printf("decode: RECOMPILED\n");
  return report.right() && report.steady() && once ? 0 : 1;
}
