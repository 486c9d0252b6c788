// Programs for the model, written against templates/model/primitives.h, and how the tests run them.
#pragma once
#include <catch2/catch.hpp>
#include <functional>
#include <initializer_list>
#include <sstream>
#include <vector>

#include "templates/model/primitives.h"
#include "templates/model/simulator.h"
#include "templates/model/tensor_map.h"

namespace hopper_model {

namespace model = flexc::model;
using namespace flexc::device;  // NOLINT: the tests read like kernels
using model::Fault;
using model::LaunchOptions;
using model::LaunchResult;
using model::Policy;

inline constexpr Policy kPolicies[] = {Policy::Earliest, Policy::Latest, Policy::Random};

// Runs `program`, which every thread calls, once.
template <class Program>
LaunchResult launch(const LaunchOptions& options, const Program& program) {
  thread_local model::Simulator simulator;
  return simulator.launch(
      options,
      [](model::Machine* machine, void* argument) {
        model::machine = machine;
        (*static_cast<const Program*>(argument))();
      },
      const_cast<Program*>(&program));
}

inline std::string describe(const LaunchResult& result) {
  std::ostringstream text;
  for (const auto& report : result.reports) {
    text << model::fault_name(report.fault) << " (CTA " << report.block << ", thread " << report.thread << "): " << report.text << "\n";
  }
  return text.str();
}

// No report under 200 seeds and all policies; `after` looks at what the program computed.
template <class Program, class After>
void runs_clean(LaunchOptions options, const Program& program, After after, int seeds = 200) {
  for (Policy policy : kPolicies) {
    for (int seed = 0; seed < seeds; ++seed) {
      options.seed = static_cast<uint64_t>(seed);
      options.policy = policy;
      const LaunchResult result = launch(options, program);
      INFO(model::policy_name(policy) << ", seed " << seed << ": " << describe(result));
      REQUIRE(result.reports.empty());
      after();
    }
  }
}

// Each run of some seeds under all policies either ends with one of `faults` or, under some policies only, does not notice: at least one
// policy has to notice under every seed.
template <class Program>
void is_caught(LaunchOptions options, const Program& program, std::initializer_list<Fault> faults, int seeds = 20) {
  for (int seed = 0; seed < seeds; ++seed) {
    int caught = 0;
    for (Policy policy : kPolicies) {
      options.seed = static_cast<uint64_t>(seed);
      options.policy = policy;
      const LaunchResult result = launch(options, program);
      if (result.reports.empty()) continue;
      ++caught;
      INFO(model::policy_name(policy) << ", seed " << seed << ": " << describe(result));
      bool known = false;
      for (Fault fault : faults) known |= result.reports.front().fault == fault;
      CHECK(known);
    }
    INFO("seed " << seed);
    REQUIRE(caught > 0);
  }
}

// A dense 2-byte matrix [rows][columns] as a rank-4 map with boxes of `box_rows` x 64 and 128-byte swizzle, as the kernels use them.
inline model::TensorMap matrix_map(void* data, uint32_t rows, uint32_t columns, uint32_t box_rows) {
  model::TensorMap map;
  map.rank = 4;
  map.element_bytes = 2;
  map.swizzle = model::Swizzle::B128;
  map.address = reinterpret_cast<uint64_t>(data);
  const uint32_t sizes[] = {columns, rows, 1, 1}, box[] = {64, box_rows, 1, 1};
  std::copy_n(sizes, 4, map.sizes);
  std::copy_n(box, 4, map.box);
  map.strides[0] = columns * 2;
  map.strides[1] = map.strides[2] = uint64_t{rows} * columns * 2;
  return map;
}

}  // namespace hopper_model
