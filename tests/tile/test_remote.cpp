// Block masks of captures that only a device reads, on the host model of one: the summaries that its kernel makes are the host's bit by bit, and so is every mask,
// whatever the refinement; the captures stay where they are; a kernel that is given false work is noticed; and a device that fails leaves an error and nothing else.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <random>

#include "runtime/cuda/cubin.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/tile/classify.h"
#include "runtime/tile/remote.h"
#include "tests/tile/model_device.h"
#include "tests/tile/random_program.h"

using namespace flexc;
using namespace flexc::tile;

namespace {

/// A device whose kernel is given other work than was asked for.
class FalseDevice final : public ModelDevice {
 public:
  std::function<bool(TileKernel, void*)> falsify;  ///< true where it changed something
  int falsified = 0;
  Result<void> launch(TileKernel kernel, std::uint32_t blocks, void* argument) override {
    if (!falsify) return ModelDevice::launch(kernel, blocks, argument);
    // The caller's own stays as it is: it may be used again.
    const std::size_t bytes = kernel == TileKernel::Summaries ? sizeof(SummaryWork) : kernel == TileKernel::Verdicts ? sizeof(VerdictArguments) : sizeof(PairArguments);
    alignas(16) std::byte copy[std::max({sizeof(SummaryWork), sizeof(VerdictArguments), sizeof(PairArguments)})];
    std::memcpy(copy, argument, bytes);
    falsified += falsify(kernel, copy);
    return ModelDevice::launch(kernel, blocks, copy);
  }
};

/// An array of `count` elements of a dtype, at any value, and with infinities and NaN where it has them.
struct Elements {
  std::vector<std::uint64_t> words;
  TensorView view;
  Elements(DType dtype, std::vector<Int> shape, std::vector<Int> strides, Int count, std::uint64_t seed, int order) : words(static_cast<std::size_t>(count) + 1) {
    std::mt19937_64 random(seed);
    auto* const bytes = reinterpret_cast<std::byte*>(words.data());
    const std::size_t width = size_of(dtype);
    for (Int i = 0; i < count; ++i) {
      std::uint64_t value = random();
      if (order == 1) value = static_cast<std::uint64_t>(i / 37);             // sorted
      if (order == 2) value = static_cast<std::uint64_t>(i * 7919 % 1013);    // in no order, values that signatures tell apart
      if (order == 3) value = static_cast<std::uint64_t>(i == count / 2 ? 0 : i);  // one fall
      std::memcpy(bytes + static_cast<std::size_t>(i) * width, &value, width);
    }
    view = TensorView(bytes, dtype, std::move(shape), std::move(strides), MemoryKind::Cuda);
  }
};

template <class Range>
bool same(const std::vector<std::vector<Range>>& levels, const DeviceGather& gather) {
  if (static_cast<std::size_t>(gather.levels) != levels.size()) return false;
  const Range* found = static_cast<const Range*>(gather.table);
  for (const auto& level : levels)
    for (const Range& expected : level) {
      const Range& at = *found++;
      if constexpr (std::is_same_v<Range, FloatRange>) {
        if (std::bit_cast<std::uint32_t>(at.lo) != std::bit_cast<std::uint32_t>(expected.lo) || std::bit_cast<std::uint32_t>(at.hi) != std::bit_cast<std::uint32_t>(expected.hi) || at.nan != expected.nan)
          return false;
      } else if (!(at == expected)) {
        return false;
      }
    }
  return true;
}

/// Whether the device's summary of a line is the host's.
bool line_is_same(TileDevice& device, const Line& line, std::size_t words) {
  LineSummary here(line, true);
  RemoteLine there(device, line);
  const auto tables = here.tables();
  bool equal = is_float(line.view->dtype) ? same(tables.reals, there.gather()) : same(tables.integers, there.gather()) && here.all() == there.all();
  equal = equal && here.is_sorted() == there.is_sorted();
  if (words == 0 || is_float(line.view->dtype)) return equal;
  here.add_signatures(words), there.add_signatures(words);
  const Word* found = there.gather().signatures;
  for (const auto& level : here.tables().signatures)
    for (const Word expected : level) equal = equal && *found++ == expected;
  return equal && here.signature_words() == there.signature_words();
}

bool grid_is_same(TileDevice& device, const TensorView& view, Int base, const Int (&extents)[2], const Int (&strides)[2]) {
  const GridSummary here(view, base, extents, strides);
  const RemoteGrid there(device, view, base, extents, strides);
  return is_float(view.dtype) ? same(here.tables().reals, there.gather()) : same(here.tables().integers, there.gather());
}

constexpr DType kTypes[] = {DType::I32, DType::I64, DType::U8, DType::Bool, DType::F32, DType::F16, DType::BF16};

/// All summaries of a set of lines and grids; how many differ from the host's.
int summaries_that_differ(TileDevice& device, int* made) {
  int differ = 0;
  for (const DType dtype : kTypes)
    for (const Int extent : {0, 1, 63, 64, 65, 640, 1000, 8193})
      for (int order = 0; order < 4; ++order) {
        const Int stride = extent % 3 == 1 ? 3 : 1, base = extent % 2 * 5;
        const Elements elements(dtype, {base + extent * stride + 1}, {}, base + extent * stride + 1, static_cast<std::uint64_t>(extent + order), order);
        differ += !line_is_same(device, {&elements.view, base, extent, stride}, order == 2 ? 16 : order == 0 ? 1 : 0);
        ++*made;
      }
  for (const DType dtype : kTypes)
    for (const auto& [rows, columns] : {std::pair<Int, Int>{1, 1}, {16, 16}, {17, 5}, {3, 200}, {130, 90}, {0, 4}}) {
      const Int extents[2] = {rows, columns}, strides[2] = {columns + 2, 1};
      const Elements elements(dtype, {rows * (columns + 2) + 8}, {}, rows * (columns + 2) + 8, static_cast<std::uint64_t>(rows), 0);
      differ += !grid_is_same(device, elements.view, 3, extents, strides);
      ++*made;
    }
  return differ;
}

/// The same case with its captures on the device.
Launch remote_launch(const RandomCase& random, Remote& remote) {
  Launch launch = random.launch;
  for (TensorView& view : launch.captures) view.memory = MemoryKind::Cuda;
  launch.remote = &remote;
  return launch;
}

bool nightly() {
  const char* text = std::getenv("FLEXC_NIGHTLY");
  return text != nullptr && std::string(text) == "1";
}

}  // namespace

TEST_CASE("summaries that the kernel makes are the host's") {
  ModelDevice device;
  int made = 0;
  const int differ = summaries_that_differ(device, &made);
  CHECK(differ == 0);
  CHECK(device.report == "");
  CHECK(device.held == 0);
  CHECK(device.overruns == 0);
  WARN("summary kernel: " << made << " lines and grids, " << differ << " differ; " << device.launches << " launches");
}

TEST_CASE("block masks of captures that only the device reads are the host's") {
  const std::uint64_t programs = nightly() ? 10000 : 1000;
  std::uint64_t masks = 0, differ = 0, by_method[4] = {}, tiles[3] = {};
  for (std::uint64_t seed = 0; seed < programs; ++seed) {
    const RandomCase random = random_case(seed + 500000);
    const bool only_descent = seed % 5 == 0;
    for (const Refine refine : {Refine::None, Refine::Default, Refine::Exact}) {
      const ClassifyOptions options{.refine = refine, .threads = 1, .only_descent = only_descent};
      ClassifyReport expected_report, report;
      const auto expected = classify(random.program, random.launch, random.shape, options, &expected_report);
      REQUIRE(expected.has_value());
      ModelDevice device;
      device.seed = seed;
      {
        Remote remote(device);
        const Launch launch = remote_launch(random, remote);
        REQUIRE(check_launch(random.program, launch).has_value());
        const auto found = classify(random.program, launch, random.shape, options, &report);
        INFO("seed " << seed << ", refine " << static_cast<int>(refine) << ", " << name_of(expected_report.method) << "\n" << print(random.program));
        REQUIRE(device.report == "");
        INFO((found ? std::string() : found.error().message));
        REQUIRE(found.has_value());
        ++masks;
        ++by_method[static_cast<int>(report.method)];
        CHECK(report.method == expected_report.method);
        const bool equal = found->runs == expected->runs && found->row_begin == expected->row_begin && found->batches == expected->batches && found->heads == expected->heads;
        differ += !equal;
        REQUIRE(equal);
        REQUIRE(report.kept_pairs == expected_report.kept_pairs);
        const auto counts = found->counts();
        tiles[0] += static_cast<std::uint64_t>(counts.empty), tiles[1] += static_cast<std::uint64_t>(counts.partial), tiles[2] += static_cast<std::uint64_t>(counts.full);
      }
      REQUIRE((device.held == 0 && device.overruns == 0));
    }
  }
  for (const std::uint64_t count : by_method) CHECK(count > programs / 100);
  for (const std::uint64_t count : tiles) CHECK(count > 1000);
  WARN("masks on the device: " << masks << " of random programs, " << differ << " differ (constant " << by_method[0] << ", band " << by_method[1] << ", diagonal " << by_method[2] << ", descent "
                               << by_method[3] << ")");
}

TEST_CASE("a kernel of block masks that is given false work is noticed") {
  const auto of_kind = [](std::uint32_t kind, std::function<void(SummaryWork&)> change) {
    return [kind, change](TileKernel kernel, void* argument) {
      auto& work = *static_cast<SummaryWork*>(argument);
      if (kernel != TileKernel::Summaries || work.kind != kind) return false;
      change(work);
      return true;
    };
  };
  static std::uint32_t elsewhere = 0;
  const std::pair<const char*, std::function<bool(TileKernel, void*)>> summaries[] = {
      {"a line's last run", of_kind(SummaryWork::kRuns, [](SummaryWork& work) { --work.count; })},
      {"a line's last element", of_kind(SummaryWork::kRuns, [](SummaryWork& work) { --work.capture.extents[0]; })},
      {"falls", of_kind(SummaryWork::kRuns, [](SummaryWork& work) { work.falls = &elsewhere; })},
      {"the second half of a level", of_kind(SummaryWork::kRunsAbove, [](SummaryWork& work) { work.width = 0; })},
      {"the last of a level", of_kind(SummaryWork::kRunsAbove, [](SummaryWork& work) { --work.count; })},
      {"a grid's last column", of_kind(SummaryWork::kCells, [](SummaryWork& work) { --work.capture.extents[1]; })},
      {"a grid's last cell", of_kind(SummaryWork::kCells, [](SummaryWork& work) { --work.count; })},
      {"the last row of cells", of_kind(SummaryWork::kCellsAbove, [](SummaryWork& work) { --work.rows; })},
      {"a line's last element's signature", of_kind(SummaryWork::kSignatures, [](SummaryWork& work) { --work.capture.extents[0]; })},
      {"the last run's signature", of_kind(SummaryWork::kSignatures, [](SummaryWork& work) { --work.count; })},
      {"the last node's signature", of_kind(SummaryWork::kSignaturesAbove, [](SummaryWork& work) { --work.rows; })},
  };
  int tried = 0, noticed = 0, made = 0;
  for (const auto& [name, falsify] : summaries) {
    FalseDevice device;
    device.falsify = falsify;
    const int differ = summaries_that_differ(device, &made);
    INFO(name << ", " << device.falsified << " times");
    CHECK(device.falsified > 0);
    CHECK(differ > 0);
    ++tried, noticed += differ > 0;
  }
  const auto verdicts = [](auto change) {
    return [change](TileKernel kernel, void* argument) { return kernel == TileKernel::Verdicts && (change(*static_cast<VerdictArguments*>(argument)), true); };
  };
  const auto pairs = [](auto change) {
    return [change](TileKernel kernel, void* argument) { return kernel == TileKernel::Pairs && (change(*static_cast<PairArguments*>(argument)), true); };
  };
  const std::pair<const char*, std::function<bool(TileKernel, void*)>> classification[] = {
      {"the last region", verdicts([](VerdictArguments& call) { --call.region_count; })},
      {"the last step of verdicts", verdicts([](VerdictArguments& call) { --call.step_count; })},
      {"the constants of verdicts", verdicts([](VerdictArguments& call) { call.constant_count = 0; })},
      {"the last pair", pairs([](PairArguments& call) { --call.pair_count; })},
      {"the last step of pairs", pairs([](PairArguments& call) { --call.step_count; })},
      {"the constants of pairs", pairs([](PairArguments& call) { call.constant_count = 0; })},
  };
  for (const auto& [name, falsify] : classification) {
    int differ = 0, falsified = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      const RandomCase random = random_case(seed + 700000);
      const ClassifyOptions options{.refine = Refine::Exact, .threads = 1, .only_descent = true};
      const auto expected = classify(random.program, random.launch, random.shape, options);
      FalseDevice device;
      device.falsify = falsify;
      Remote remote(device);
      const auto found = classify(random.program, remote_launch(random, remote), random.shape, options);
      differ += !found || found->runs != expected->runs, falsified += device.falsified;
    }
    INFO(name << ", " << falsified << " times");
    CHECK(falsified > 10);
    CHECK(differ > 0);
    ++tried, noticed += differ > 0;
  }
  WARN("false kernels of block masks noticed: " << noticed << " of " << tried);
}

TEST_CASE("a device that fails leaves an error and nothing else") {
  int tried = 0;
  for (const std::uint64_t seed : {500003, 500004, 500010}) {
    const RandomCase random = random_case(seed);
    const ClassifyOptions options{.refine = Refine::Default, .threads = 1, .only_descent = true};
    int calls = 0;
    for (int fail_at = -1; fail_at < calls; ++fail_at) {
      ModelDevice device;
      device.fail_at = fail_at;
      {
        Remote remote(device);
        const auto found = classify(random.program, remote_launch(random, remote), random.shape, options);
        CHECK(found.has_value() == (fail_at < 0));
        if (!found) CHECK((found.error().kind == ErrorKind::Environment && found.error().message.ends_with("failed, as it was told to")));
        if (fail_at < 0) calls = device.calls;
      }
      CHECK(device.held == 0);
      ++tried;
    }
  }
  CHECK(tried > 20);
}

TEST_CASE("NVRTC compiles the kernels of block masks, without spills") {
  const auto nvrtc = runtime::Nvrtc::open();
  if (!nvrtc) {
    WARN("skipped: no NVRTC here");
    return;
  }
  for (const auto& [name, bytes] : {std::pair<std::string, std::size_t>{"summary", sizeof(SummaryWork)}, {"verdict", sizeof(VerdictArguments)}, {"pair", sizeof(PairArguments)}}) {
    const auto compiled = nvrtc->compile({.name = name + ".cu", .text = "#include \"templates/tile/" + name + "_kernel.cuh\"\n"});
    INFO((compiled ? std::string() : compiled.error().message));
    REQUIRE(compiled.has_value());
    const auto report = runtime::read_cubin(compiled->cubin);
    REQUIRE(report.has_value());
    CHECK(runtime::spill_bytes_in(compiled->log) == 0);
    const auto parameters = runtime::kernel_parameter_bytes(compiled->cubin);
    REQUIRE(parameters.has_value());
    CHECK(*parameters == std::vector<unsigned>{static_cast<unsigned>(bytes)});
    WARN(report->kernel << ": " << report->registers << " registers, " << report->stack_bytes << " bytes of stack, " << report->local_loads + report->local_stores << " local loads and stores");
  }
}
