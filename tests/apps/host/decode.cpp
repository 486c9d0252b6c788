// A decoding loop: a prompt, then token after token over a cache of keys and values that grows. Nothing is compiled after the first
// call, memory does not grow, and the logits are those of the formulas.
//   decode [--plant offset|recompile|leak]
// Exit status: 0 all of that holds, 1 something does not, 3 flexc failed. Each plant breaks one of the three, which must be noticed.
#include <algorithm>
#include <cmath>

#include "decoder.h"
#include "memory.h"
#include "must.h"

namespace {

constexpr double kLimit = 1e-4;
constexpr std::size_t kHeapSlack = 64 * 1024;  ///< what malloc's own caches may keep

std::shared_ptr<const flexc::Kernel> compile(flexc::Engine& engine, const flexc::Variant& variant) {
  return must(engine.compile(variant, {.dtype = flexc::f32, .head_dim = kHeadDim}));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string plant = option(argc, argv, "--plant");
  const DecoderWeights weights = DecoderWeights::draw(7);
  flexc::Engine engine;
  flexc::Variant variant = must(flexc::Variant::parse(kDecoderVariant, {.name = "decoder.flex"}));
  Decoder decoder(weights, 2);

  std::vector<std::int32_t> tokens;
  tokens.reserve(kCapacity);
  for (std::int32_t i = 0; i < 16; ++i) tokens.push_back(i * 31 % static_cast<std::int32_t>(kVocabulary));

  double worst = 0, largest_logit = 0;
  std::int64_t checks = 0, steps = 0, fed = 0;
  std::size_t heap_warm = 0;
  std::uint64_t compilations_warm = 0;
  std::vector<std::vector<char>> leaked;
  while (static_cast<std::int64_t>(tokens.size()) < kCapacity) {
    // A host asks for its kernel whenever it needs it.
    // A constant added to every score changes no result, but it is another variant.
    if (plant == "recompile") variant = must(flexc::Variant::parse(std::string(kDecoderVariant).replace(std::string_view(kDecoderVariant).find("score + "), 8, "score + " + std::to_string(steps) + ".0 + ")));
    const auto kernel = compile(engine, variant);
    const std::span<const std::int32_t> fresh(tokens.begin() + fed, tokens.end());
    const std::vector<float>& logits = decoder.advance(*kernel, fresh, plant == "offset" && steps > 0 ? decoder.length() - 1 : decoder.length());
    fed = decoder.length();
    ++steps;
    if (plant == "leak") leaked.emplace_back(4096);

    const bool last = fed + 1 >= kCapacity;
    if (steps % 37 == 1 || last) {
      const std::vector<double> expected = reference_logits(weights, tokens);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const double error = std::fabs(logits[i] - expected[i]);
        worst = std::isnan(error) ? INFINITY : std::max(worst, error);
        largest_logit = std::max(largest_logit, std::fabs(expected[i]));
      }
      ++checks;
    }
    const auto best = static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
    tokens.push_back(best);
    // Now and then several tokens come at once, as when a guess of a smaller model is verified.
    if (steps % 10 == 0 && static_cast<std::int64_t>(tokens.size()) + 3 < kCapacity)
      for (std::int32_t i = 1; i <= 3; ++i) tokens.push_back((best * 7 + i) % static_cast<std::int32_t>(kVocabulary));
    if (steps == 16) {
      heap_warm = heap_bytes();
      compilations_warm = engine.statistics().compilations;
    }
  }
  const std::size_t heap_end = heap_bytes();
  const flexc::EngineStatistics counts = engine.statistics();
  const long long growth = static_cast<long long>(heap_end) - static_cast<long long>(heap_warm);
  const bool right = worst <= kLimit && checks > 0, steady = !kMemoryIsJudged || growth <= static_cast<long long>(kHeapSlack);
  const bool compiled_once = counts.kernels_made == 1 && counts.compilations + counts.disk_hits == 1 && counts.compilations == compilations_warm;
  std::printf("decode: %lld steps to %lld tokens, %lld layers; %llu kernels made, %llu compilations after the first call; heap grew by %lld bytes%s; "
              "largest error of %lld checked logit rows %.2e of %.1f, limit %.0e\n",
              static_cast<long long>(steps), static_cast<long long>(fed), static_cast<long long>(kLayers), static_cast<unsigned long long>(counts.kernels_made),
              static_cast<unsigned long long>(counts.compilations + counts.disk_hits - 1), growth, kMemoryIsJudged ? "" : " (not judged)", static_cast<long long>(checks), worst, largest_logit, kLimit);
  if (!right) std::printf("decode: WRONG logits\n");
  if (!steady) std::printf("decode: MEMORY grows\n");
  if (!compiled_once) std::printf("decode: RECOMPILED\n");
  return right && steady && compiled_once ? 0 : 1;
}
