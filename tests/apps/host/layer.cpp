// One layer of a real model: the attention of layer 3 of all-MiniLM-L6-v2 on six packed texts, with and without a block mask.
//   layer DATA.safetensors [--plant undivided]
// Exit status: 0 every element is within 2e-5 of what the model computed in float64, and the block mask changes no bit.
#include <cmath>
#include <cstring>

#include <flexc/flexc.h>
#include <flexc/io.h>

#include "must.h"

int main(int argc, char** argv) {
  constexpr double kLimit = 2e-5;
  if (argc < 2) stop("usage: layer DATA.safetensors");
  const auto tensor = [&](const char* name) { return must(flexc::load_tensor(std::string(argv[1]) + ":" + name)).tensor; };
  const flexc::Tensor q = tensor("q"), k = tensor("k"), v = tensor("v"), doc = tensor("doc"), expected = tensor("out");
  const bool divided = option(argc, argv, "--plant") != "undivided";

  // Without a declaration of doc its type comes with the compilation.
  const flexc::Variant variant = must(flexc::Variant::from_expressions("", divided ? "doc[q_idx] == doc[kv_idx]" : "doc[q_idx] >= 0"));
  flexc::Engine engine;
  const auto kernel = must(engine.compile(variant, {.dtype = flexc::f32, .head_dim = q.view().shape[3], .captures = {{"doc", {flexc::i32, 1}}}}));
  flexc::Captures captures;
  captures.set("doc", doc.view());

  flexc::Tensor out(flexc::f32, q.view().shape), masked(flexc::f32, q.view().shape);
  must(kernel->run({.q = q.view(), .k = k.view(), .v = v.view(), .out = out.view(), .captures = captures}));
  const flexc::BlockMask mask =
      must(kernel->block_mask({.heads = q.view().shape[1], .q_len = q.view().shape[2], .kv_len = k.view().shape[2], .block_q = 32, .block_kv = 32}, captures));
  must(kernel->run({.q = q.view(), .k = k.view(), .v = v.view(), .out = masked.view(), .captures = captures, .mask = &mask}));

  double worst = 0;
  for (std::int64_t i = 0; i < out.view().element_count(); ++i) {
    const double error = std::fabs(static_cast<double>(out.as<float>()[i]) - expected.as<float>()[i]);
    worst = std::isnan(error) ? INFINITY : std::fmax(worst, error);
  }
  const bool same = std::memcmp(out.as<float>(), masked.as<float>(), out.byte_count()) == 0;
  const flexc::BlockMask::Counts counts = mask.counts();
  std::printf("layer: largest error %.2e, limit %.0e; %lld of %lld tiles empty; the block mask changes %s\n", worst, kLimit, static_cast<long long>(counts.empty),
              static_cast<long long>(counts.empty + counts.partial + counts.full), same ? "no bit" : "BITS");
  const bool right = worst <= kLimit && same;
  if (!right) std::printf("layer: WRONG\n");
  return right ? 0 : 1;
}
