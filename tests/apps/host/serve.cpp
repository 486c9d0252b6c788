// A server's loop: sixteen threads, eight variants, mixed shapes, one engine.
//   serve [--rounds N] [--requests N] [--plant bit|leak|race]
// Every answer equals, bit by bit, what one thread alone gets from another engine; a key is compiled once however many threads ask
// at once; memory is steady after two rounds. Exit status: 0 all of that holds, 1 something does not, 3 flexc failed.
// The plants break one answer's bit, leak, or race, which must be noticed (the race by ThreadSanitizer).
#include <algorithm>
#include <atomic>
#include <barrier>
#include <functional>
#include <set>
#include <thread>
#include <tuple>

#include "memory.h"
#include "must.h"
#include "requests.h"

namespace {

constexpr int kThreads = 16, kWarmRounds = 2;
constexpr std::size_t kResidentSlack = std::size_t{16} << 20;

void on_threads(const std::function<void(int)>& body) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&body, t] { body(t); });
}

using Key = std::tuple<std::size_t, flexc::DType, std::int64_t>;

std::set<Key> keys_of(const std::vector<Request>& requests) {
  std::set<Key> keys;
  for (const Request& request : requests) keys.emplace(request.variant, request.dtype, request.head_dim);
  return keys;
}

/// All threads ask for each kernel at the same moment; the number of keys for which they got different ones.
int ask_together(flexc::Engine& engine, const std::vector<flexc::Variant>& variants, const std::set<Key>& keys) {
  std::atomic<int> different = 0;
  std::array<const flexc::Kernel*, kThreads> got{};
  std::barrier together(kThreads);
  on_threads([&](int thread) {
    for (const auto& [variant, dtype, head_dim] : keys) {
      together.arrive_and_wait();
      got[static_cast<std::size_t>(thread)] = must(engine.compile(variants[variant], {.dtype = dtype, .head_dim = head_dim, .device = flexc::Device::cpu()})).get();
      together.arrive_and_wait();
      if (thread == 0 && std::ranges::adjacent_find(got, std::not_equal_to<>()) != got.end()) ++different;
    }
  });
  return different;
}

long number(const std::string& text, long otherwise) { return text.empty() ? otherwise : std::strtol(text.c_str(), nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  const std::string plant = option(argc, argv, "--plant");
  const long rounds = number(option(argc, argv, "--rounds"), 8), request_count = number(option(argc, argv, "--requests"), 400);
  std::vector<flexc::Variant> variants;
  for (const std::string_view text : kVariants) variants.push_back(must(flexc::Variant::parse(text)));
  std::vector<Request> requests;
  for (long i = 0; i < request_count; ++i) requests.push_back(Request::draw(static_cast<std::uint64_t>(i)));
  const std::set<Key> keys = keys_of(requests);

  std::vector<Answer> expected;
  {
    flexc::Engine alone({.disk_cache = false});
    for (const Request& request : requests) expected.push_back(serve(alone, variants, request));
  }

  flexc::Engine engine({.disk_cache = false});
  const int different = ask_together(engine, variants, keys);
  std::atomic<long> wrong = 0, served = 0;
  long unguarded = 0;  // only the planted race touches it
  std::vector<std::vector<std::vector<char>>> leaked(kThreads);
  std::size_t resident_warm = 0, resident_end = 0;
  for (long round = 0; round < kWarmRounds + rounds; ++round) {
    std::atomic<std::size_t> next = 0;
    on_threads([&](int thread) {
      for (std::size_t i; (i = next.fetch_add(1)) < requests.size();) {
        // Each round deals the requests out in another order.
        const std::size_t index = (i * 7 + static_cast<std::size_t>(round) * 131) % requests.size();
        Answer answer = serve(engine, variants, requests[index]);
        if (plant == "bit" && index == 5 && round == 3) answer.out.as<std::uint8_t>()[0] ^= 1;
        if (plant == "leak") leaked[static_cast<std::size_t>(thread)].emplace_back(16384, 'x');
        if (plant == "race") ++unguarded;
        if (!(answer == expected[index])) ++wrong;
        ++served;
      }
    });
    if (round + 1 == kWarmRounds) resident_warm = resident_bytes();
  }
  resident_end = resident_bytes();

  const flexc::EngineStatistics counts = engine.statistics();
  const long long growth = static_cast<long long>(resident_end) - static_cast<long long>(resident_warm);
  const bool steady = !kMemoryIsJudged || growth <= static_cast<long long>(kResidentSlack);
  const bool once = different == 0 && counts.kernels_made == keys.size() && counts.compilations == keys.size() && counts.disk_hits == 0;
  if (unguarded < 0) std::printf("serve: impossible\n");  // keeps the race from being optimised away
  std::printf("serve: %ld calls of %zu variants on %d threads, %ld differ from one thread's; %zu keys, %llu kernels made, %llu compilations; resident memory %.1f MiB, "
              "%+.2f MiB since round %d%s\n",
              served.load(), kVariants.size(), kThreads, wrong.load(), keys.size(), static_cast<unsigned long long>(counts.kernels_made),
              static_cast<unsigned long long>(counts.compilations), static_cast<double>(resident_end) / (1 << 20), static_cast<double>(growth) / (1 << 20), kWarmRounds,
              kMemoryIsJudged ? "" : " (not judged)");
  if (wrong != 0) std::printf("serve: WRONG answers\n");
  if (!steady) std::printf("serve: MEMORY grows\n");
  if (!once) std::printf("serve: NOT ONE compilation a key\n");
  return wrong == 0 && steady && once ? 0 : 1;
}
