#include "decode_loop.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

#include "decoder.h"
#include "memory.h"

namespace {

constexpr double kLimit = 1e-4;
constexpr long long kHeapSlack = 64 * 1024;  ///< what malloc's own caches may keep
constexpr std::int64_t kWarmSteps = 16, kStepsPerCheck = 37, kStepsPerGuess = 10;
constexpr std::int32_t kPrompt = 16, kGuess = 3;

void check(const std::vector<float>& logits, const std::vector<double>& expected, DecodeReport& report) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::fabs(logits[i] - expected[i]);
    report.worst = std::isnan(error) ? INFINITY : std::max(report.worst, error);
    report.largest_logit = std::max(report.largest_logit, std::fabs(expected[i]));
  }
  ++report.checks;
}

}  // namespace

bool DecodeReport::right() const { return worst <= kLimit && checks > 0; }
bool DecodeReport::steady() const { return !kMemoryIsJudged || heap_growth <= kHeapSlack; }

void DecodeReport::print(const std::string& compilations) const {
  std::printf("decode: %lld steps to %lld tokens, %lld layers; %s; heap grew by %lld bytes%s; largest error of %lld checked logit rows %.2e of %.1f, limit %.0e\n",
              static_cast<long long>(steps), static_cast<long long>(tokens), static_cast<long long>(kLayers), compilations.c_str(), heap_growth,
              kMemoryIsJudged ? "" : " (not judged)", static_cast<long long>(checks), worst, largest_logit, kLimit);
  if (!right()) std::printf("decode: WRONG logits\n");
  if (!steady()) std::printf("decode: MEMORY grows\n");
}

DecodeReport decode(const std::function<std::shared_ptr<const flexc::Kernel>(std::int64_t)>& kernel_for, const std::string& plant) {
  const DecoderWeights weights = DecoderWeights::draw(7);
  Decoder decoder(weights, 2);
  std::vector<std::int32_t> tokens;
  tokens.reserve(kCapacity);
  for (std::int32_t i = 0; i < kPrompt; ++i) tokens.push_back(i * 31 % static_cast<std::int32_t>(kVocabulary));

  DecodeReport report;
  std::size_t heap_warm = 0;
  std::vector<std::vector<char>> leaked;
  while (static_cast<std::int64_t>(tokens.size()) < kCapacity) {
    const auto kernel = kernel_for(report.steps);
    const std::span<const std::int32_t> fresh(tokens.begin() + decoder.length(), tokens.end());
    const std::vector<float>& logits = decoder.advance(*kernel, fresh, plant == "offset" && report.steps > 0 ? decoder.length() - 1 : decoder.length());
    report.tokens = decoder.length();
    ++report.steps;
    if (plant == "leak") leaked.emplace_back(4096);
    if (report.steps % kStepsPerCheck == 1 || report.tokens + 1 == kCapacity) check(logits, reference_logits(weights, tokens), report);

    const auto best = static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
    tokens.push_back(best);
    // Now and then several tokens come at once, as when a guess of a smaller model is verified.
    if (report.steps % kStepsPerGuess == 0 && static_cast<std::int64_t>(tokens.size()) + kGuess < kCapacity)
      for (std::int32_t i = 1; i <= kGuess; ++i) tokens.push_back((best * 7 + i) % static_cast<std::int32_t>(kVocabulary));
    if (report.steps == kWarmSteps) heap_warm = heap_bytes();
  }
  report.heap_growth = static_cast<long long>(heap_bytes()) - static_cast<long long>(heap_warm);
  return report;
}
