// Random tile programs: every value at every pair lies in the range that was proved for it; no tile is called empty with a live pair
// or full with a dead one; refined to single pairs, the map is brute force's.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "runtime/tile/classify.h"
#include "tests/tile/random_program.h"

using namespace flexc;
using namespace flexc::tile;

namespace {

std::uint64_t first_seed() {
  const char* text = std::getenv("FLEXC_SEED");
  return text ? std::strtoull(text, nullptr, 10) * 1000000 : 0;
}
int runs(int fast) {
  const char* text = std::getenv("FLEXC_NIGHTLY");
  return text && std::string(text) == "1" ? 10 * fast : fast;
}

Region whole_of(const BlockMask& shape) {
  return {shape.q_offset, shape.q_offset + shape.q_len, shape.kv_offset, shape.kv_offset + shape.kv_len};
}

bool is_sound(const BlockMask& found, const BlockMask& truth) {
  const auto map = found.dense(), real = truth.dense();
  for (std::size_t i = 0; i < map.size(); ++i)
    if (map[i] != real[i] && map[i] != static_cast<std::uint8_t>(TileKind::Partial)) return false;
  return map.size() == real.size();
}

}  // namespace

TEST_CASE("random programs are well formed, and survive their bytes") {
  for (int i = 0; i < runs(500); ++i) {
    const RandomCase random = random_case(first_seed() + static_cast<std::uint64_t>(i));
    INFO("seed " << first_seed() + static_cast<std::uint64_t>(i) << "\n" << print(random.program));
    REQUIRE(check(random.program) == "");
    const auto copy = deserialize(serialize(random.program));
    REQUIRE(copy.has_value());
    REQUIRE(*copy == random.program);
  }
}

TEST_CASE("every value lies in its range") {
  for (int i = 0; i < runs(6000); ++i) {
    const std::uint64_t seed = first_seed() + static_cast<std::uint64_t>(i);
    const RandomCase random = random_case(seed);
    Binding binding(random.program, random.launch);
    const Plane plane(binding, 0, 0, whole_of(random.shape));
    if (plane.is_constant()) continue;
    RangeMachine machine(plane);
    PointMachine points(random.program, binding.analysis, random.launch);
    points.set_plane(0, 0);
    std::mt19937_64 draws(seed);
    const auto draw = [&](Int low, Int high) { return std::uniform_int_distribution<Int>(low, high)(draws); };
    for (int part = 0; part < 4; ++part) {
      const BlockMask& shape = random.shape;
      const Int rows = draw(1, std::min<Int>(shape.q_len, part == 0 ? 1 : 8)), columns = draw(1, std::min<Int>(shape.kv_len, part == 0 ? 2 : 8));
      const Int q0 = shape.q_offset + draw(0, shape.q_len - rows), k0 = shape.kv_offset + draw(0, shape.kv_len - columns);
      const Region region{q0, q0 + rows, k0, k0 + columns};
      machine.evaluate(&region, 1);
      for (Int q = region.q0; q < region.q1; ++q)
        for (Int k = region.k0; k < region.k1; ++k) {
          points.evaluate(&q, &k, 1);
          for (const Step& step : plane.steps()) {
            const Register at = step.to;
            if (at >= random.program.instructions.size() || step.kind == Step::Kind::Linear) continue;
            const Opcode op = random.program.instructions[at].op;
            bool fine = true;
            if (type_of(op) == Type::I64) fine = machine.integer(at, 0).contains(points.integer(at));
            else if (type_of(op) == Type::F32) fine = machine.real(at, 0).contains(points.real(at));
            else fine = (machine.truth(at, 0) & (points.truth(at) ? kTrue : kFalse)) != 0;
            if (fine) continue;
            INFO("seed " << seed << ": v" << at << " at (" << q << ", " << k << ")\n" << print(random.program));
            REQUIRE(fine);
          }
        }
    }
  }
}

TEST_CASE("classification of 10,000 random programs is sound, and exact when refined to pairs") {
  int by_method[4] = {}, partial = 0, proved = 0;
  for (int i = 0; i < runs(10000); ++i) {
    const std::uint64_t seed = first_seed() + 100000 + static_cast<std::uint64_t>(i);
    const RandomCase random = random_case(seed);
    Int kept = 0;
    const BlockMask truth = true_mask(random, &kept);
    const bool only_descent = seed % 5 == 0;
    for (const Refine refine : {Refine::None, Refine::Default, Refine::Exact}) {
      ClassifyReport report;
      ClassifyOptions options{.refine = refine, .threads = 1, .only_descent = only_descent};
      if (seed % 7 == 0) options.node_budget = 1;
      const auto found = classify(random.program, random.launch, random.shape, options, &report);
      INFO("seed " << seed << ", refine " << static_cast<int>(refine) << ", " << name_of(report.method) << "\n" << print(random.program));
      REQUIRE(found.has_value());
      REQUIRE(is_sound(*found, truth));
      if (refine != Refine::Exact) continue;
      REQUIRE(found->runs == truth.runs);
      REQUIRE(found->row_begin == truth.row_begin);
      REQUIRE(report.kept_pairs == kept);
      ++by_method[static_cast<int>(report.method)];
      partial += truth.counts().partial > 0;
      proved += truth.counts().empty + truth.counts().full > 0;
    }
  }
  // All ways are exercised, and masks are of all kinds.
  for (const int count : by_method) CHECK(count > 50);
  CHECK(partial > 1000);
  CHECK(proved > 1000);
  WARN("10,000 random programs: constant " << by_method[0] << ", band " << by_method[1] << ", diagonal " << by_method[2] << ", descent " << by_method[3]);
}
