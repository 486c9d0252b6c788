// The tile program as a kernel: on the host model, its verdicts are the range interpreter's for random programs, captures and regions; a kernel that is given
// another operation is noticed; NVRTC compiles the text.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "runtime/cuda/cubin.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/tile/device_plane.h"
#include "runtime/tile/ranges.h"
#include "templates/model/simulator.h"
#include "templates/tile/verdict_kernel.cuh"
#include "tests/tile/random_program.h"

using namespace flexc;
using namespace flexc::tile;

namespace {

void enter(model::Machine* machine, void* arguments) {
  model::machine = machine;
  flexc_tile_verdicts(*static_cast<const VerdictArguments*>(arguments));
}

/// What the kernel says of the regions, on two CTAs of the host model.
class KernelVerdicts {
 public:
  explicit KernelVerdicts(const Plane& plane) : packed_(plane), block_(packed_.bytes().size() / 16 + 1) {
    const auto at = reinterpret_cast<std::uint64_t>(block_.data());
    packed_.relocate(at);
    std::memcpy(block_.data(), packed_.bytes().data(), packed_.bytes().size());
    arguments_ = packed_.arguments(at);
  }
  /// The steps in the copy, for tests that falsify one.
  DeviceStep* steps() { return const_cast<DeviceStep*>(arguments_.steps); }
  std::uint32_t step_count() const { return arguments_.step_count; }

  std::vector<std::uint8_t> operator()(const std::vector<DeviceRegion>& regions, std::uint64_t seed) {
    constexpr std::uint32_t kBlocks = 2;
    std::vector<Chunk> registers(packed_.register_bytes() * kBlocks * device::kVerdictThreads / sizeof(Chunk) + 1);
    std::vector<std::uint8_t> verdicts(regions.size(), 0);
    VerdictArguments call = arguments_;
    call.regions = regions.data(), call.region_count = static_cast<std::uint32_t>(regions.size());
    call.registers = reinterpret_cast<DeviceRegister*>(registers.data());
    call.verdicts = verdicts.data();
    model::LaunchOptions options;
    options.blocks = kBlocks, options.threads = device::kVerdictThreads, options.seed = seed;
    const auto result = simulator_.launch(options, &enter, &call);
    INFO((result.reports.empty() ? std::string() : result.reports.front().text));
    REQUIRE(result.reports.empty());
    return verdicts;
  }

 private:
  struct alignas(16) Chunk {
    std::byte bytes[16];
  };
  DevicePlane packed_;
  std::vector<Chunk> block_;
  VerdictArguments arguments_{};
  model::Simulator simulator_;
};

std::vector<DeviceRegion> random_regions(const BlockMask& shape, std::mt19937_64& random, std::size_t count) {
  std::vector<DeviceRegion> regions;
  const auto draw = [&](Int low, Int high) { return std::uniform_int_distribution<Int>(low, high)(random); };
  for (std::size_t i = 0; i < count; ++i) {
    // Single pairs, tiles, and all.
    const Int most = i % 3 == 0 ? 1 : i % 3 == 1 ? 16 : std::max(shape.q_len, shape.kv_len);
    const Int rows = draw(1, std::min(shape.q_len, most)), columns = draw(1, std::min(shape.kv_len, most));
    const Int q0 = shape.q_offset + draw(0, shape.q_len - rows), k0 = shape.kv_offset + draw(0, shape.kv_len - columns);
    regions.push_back({q0, q0 + rows, k0, k0 + columns});
  }
  return regions;
}

std::vector<std::uint8_t> host_verdicts(const Plane& plane, const std::vector<DeviceRegion>& regions) {
  RangeMachine machine(plane);
  std::vector<std::uint8_t> verdicts;
  for (std::size_t first = 0; first < regions.size(); first += kLanes) {
    std::vector<Region> batch;
    for (std::size_t i = first; i < std::min(regions.size(), first + kLanes); ++i) batch.push_back({regions[i].q0, regions[i].q1, regions[i].k0, regions[i].k1});
    const Truth* found = machine.evaluate(batch.data(), batch.size());
    verdicts.insert(verdicts.end(), found, found + batch.size());
  }
  return verdicts;
}

Opcode opposite(Opcode op) {
  switch (op) {
    case Opcode::Eq: return Opcode::Ne;
    case Opcode::Ne: return Opcode::Eq;
    case Opcode::Lt: return Opcode::Ge;
    case Opcode::Ge: return Opcode::Lt;
    case Opcode::Le: return Opcode::Gt;
    case Opcode::Gt: return Opcode::Le;
    default: return op;
  }
}

Region whole_of(const BlockMask& shape) { return {shape.q_offset, shape.q_offset + shape.q_len, shape.kv_offset, shape.kv_offset + shape.kv_len}; }

}  // namespace

TEST_CASE("the kernel's verdicts are the range interpreter's") {
  const char* nightly = std::getenv("FLEXC_NIGHTLY");
  const std::uint64_t programs = nightly != nullptr && std::string(nightly) == "1" ? 20000 : 2000;
  std::uint64_t ran = 0, regions_seen = 0, differ = 0, by_value[4] = {}, changed = 0, noticed = 0;
  for (std::uint64_t seed = 0; seed < programs; ++seed) {
    const RandomCase random = random_case(seed);
    Binding binding(random.program, random.launch);
    const Plane plane(binding, 0, 0, whole_of(random.shape));
    if (plane.is_constant()) continue;
    std::mt19937_64 draws(seed);
    const auto regions = random_regions(random.shape, draws, 300);
    const auto expected = host_verdicts(plane, regions);
    KernelVerdicts kernel(plane);
    const auto found = kernel(regions, seed);
    ++ran, regions_seen += regions.size();
    for (std::size_t i = 0; i < regions.size(); ++i) differ += found[i] != expected[i], ++by_value[expected[i] & 3];
    INFO("seed " << seed << "\n" << print(random.program));
    REQUIRE(found == expected);
    // The last step says the opposite: noticed wherever it said anything.
    DeviceStep& last = kernel.steps()[kernel.step_count() - 1];
    const auto op = static_cast<Opcode>(last.op), other = opposite(op);
    const bool says_something = std::ranges::any_of(expected, [](std::uint8_t value) { return value != kEither; });
    if (last.kind != kStepOperation || last.to != plane.result() || other == op || !says_something || (last.flags & kComparesSignatures)) continue;
    last.op = static_cast<std::uint8_t>(other);
    ++changed, noticed += kernel(regions, seed) != expected;
  }
  CHECK(ran > programs / 2);
  for (const int value : {1, 2, 3}) CHECK(by_value[value] > 1000);
  CHECK(changed > 20);
  CHECK(noticed == changed);
  WARN("verdict kernel: " << ran << " random programs, " << regions_seen << " regions, " << differ << " differ (" << by_value[1] << " never, " << by_value[2] << " always, " << by_value[3]
                          << " either); " << noticed << " of " << changed << " false operations noticed");
}

TEST_CASE("NVRTC compiles the verdict kernel") {
  const auto nvrtc = runtime::Nvrtc::open();
  if (!nvrtc) {
    WARN("skipped: no NVRTC here");
    return;
  }
  const auto compiled = nvrtc->compile({.name = "verdicts.cu", .text = "#include \"templates/tile/verdict_kernel.cuh\"\n"});
  INFO((compiled ? std::string() : compiled.error().message));
  REQUIRE(compiled.has_value());
  const auto report = runtime::read_cubin(compiled->cubin);
  REQUIRE(report.has_value());
  CHECK(report->kernel == "flexc_tile_verdicts");
  const auto parameters = runtime::kernel_parameter_bytes(compiled->cubin);
  REQUIRE(parameters.has_value());
  CHECK(*parameters == std::vector<unsigned>{sizeof(VerdictArguments)});
}
