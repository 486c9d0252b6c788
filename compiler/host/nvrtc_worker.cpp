#include "compiler/host/nvrtc_worker.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#if defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace flexc {
namespace {

constexpr const char *kSecondsVariable = "FLEXC_COMPILE_SECONDS", *kMemoryVariable = "FLEXC_COMPILE_MIB";
constexpr std::uint64_t kMostSeconds = 1'000'000, kMostMib = std::uint64_t{1} << 32;

/// A whole number of the environment, from 1 to `most`; `otherwise` where the variable is not set.
Result<std::uint64_t> number_from_environment(const char* name, std::uint64_t otherwise, std::uint64_t most) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return otherwise;
  std::uint64_t number = 0;
  const char* const end = text + std::strlen(text);
  if (const auto [stop, error] = std::from_chars(text, end, number); error != std::errc() || stop != end || number < 1 || number > most)
    return std::unexpected(Error{ErrorKind::Usage, fmt::format("{} is `{}`; it must be a whole number from 1 to {}", name, text, most)});
  return number;
}

Result<runtime::ChildLimits> limits_from_environment() {
  runtime::ChildLimits limits;
  const auto seconds = number_from_environment(kSecondsVariable, static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(limits.time).count()), kMostSeconds);
  if (!seconds) return std::unexpected(seconds.error());
  const auto mib = number_from_environment(kMemoryVariable, limits.memory_bytes >> 20, kMostMib);
  if (!mib) return std::unexpected(mib.error());
  return runtime::ChildLimits{std::chrono::seconds(*seconds), *mib << 20};
}

// Messages between the processes: parts, each behind its length.
void append(std::string& message, const void* data, std::uint64_t size) {
  message.append(reinterpret_cast<const char*>(&size), sizeof size);
  message.append(static_cast<const char*>(data), size);
}
void append(std::string& message, const std::string& text) { append(message, text.data(), text.size()); }

std::optional<std::string> take(std::string_view& message) {
  std::uint64_t size = 0;
  if (message.size() < sizeof size) return std::nullopt;
  std::copy_n(message.data(), sizeof size, reinterpret_cast<char*>(&size));
  message.remove_prefix(sizeof size);
  if (message.size() < size) return std::nullopt;
  std::string part(message.substr(0, size));
  message.remove_prefix(size);
  return part;
}

Result<CompiledLadder> compile_ladder(const runtime::Nvrtc& nvrtc, std::span<const std::string> texts, const std::string& architecture, bool process_ends) {
  std::optional<CompiledLadder> best;
  for (std::size_t step = 0; step < texts.size(); ++step) {
    auto binary = nvrtc.compile({.name = "flexc_kernel.cu", .text = texts[step], .architecture = architecture, .is_last = process_ends});
    if (!binary) return std::unexpected(binary.error());
    auto report = runtime::read_cubin(binary->cubin);
    if (!report) return std::unexpected(report.error());
    const unsigned spills = std::max(runtime::spill_bytes_in(binary->log), report->stack_bytes);
    if (!best || spills < best->spill_bytes) best = CompiledLadder{step, std::move(*binary), std::move(*report), spills, nvrtc.path()};
    if (spills == 0) break;
  }
  if (!best) return std::unexpected(Error{ErrorKind::Internal, "no tile for this variant"});
  return std::move(*best);
}

/// Gives the child's allocations one heap on huge pages, reserved at once: NVRTC then takes 3,300 page faults for a kernel instead of 13,000, and the end of
/// the process is quicker. A request: where it is not granted, allocations come as ever. A tight limit on memory is left to what is needed.
void reserve_heap() {
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
  constexpr int kHeapBytes = 128 << 20, kOrdinaryPad = 1 << 20, kMostInHeap = 32 << 20, kNeverTrimmed = 1 << 30;
  constexpr rlim_t kAmple = rlim_t{4} << 30;
  constexpr std::uintptr_t kPage = 4096;
  rlimit most{};
  if (getrlimit(RLIMIT_AS, &most) != 0 || most.rlim_cur < kAmple) return;
  if (mallopt(M_TOP_PAD, kHeapBytes) == 0 || mallopt(M_MMAP_THRESHOLD, kMostInHeap) == 0 || mallopt(M_TRIM_THRESHOLD, kNeverTrimmed) == 0) return;
  void* const first = std::malloc(kOrdinaryPad);
  const auto begin = (reinterpret_cast<std::uintptr_t>(first) + kPage - 1) / kPage * kPage, end = reinterpret_cast<std::uintptr_t>(sbrk(0));
  // Not where the block came from elsewhere than the program's break: such memory lies above it.
  if (first != nullptr && begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  std::free(first);
  mallopt(M_TOP_PAD, kOrdinaryPad);
#endif
}

/// The child's whole life.
Result<std::string> serve(const std::function<std::string()>& input) {
  reserve_heap();
  auto opened = runtime::Nvrtc::open();
  if (!opened) return std::unexpected(opened.error());
  const auto* nvrtc = new runtime::Nvrtc(std::move(*opened));  // never closed: the process ends with its answer
  const std::string message = input();
  std::vector<std::string> texts;
  for (std::string_view left = message; !left.empty();) {
    auto text = take(left);
    if (!text) return std::unexpected(Error{ErrorKind::Internal, "NVRTC in a child process was asked half a question"});
    texts.push_back(std::move(*text));
  }
  if (texts.empty()) return std::unexpected(Error{ErrorKind::Internal, "NVRTC in a child process was asked nothing"});
  const auto compiled = compile_ladder(*nvrtc, std::span(texts).subspan(1), texts.front(), true);
  if (!compiled) return std::unexpected(compiled.error());
  std::string answer;
  append(answer, std::to_string(compiled->step));
  append(answer, compiled->nvrtc);
  append(answer, compiled->binary.ptx);
  append(answer, compiled->binary.log);
  append(answer, compiled->binary.cubin.data(), compiled->binary.cubin.size());
  return answer;
}

std::optional<CompiledLadder> read_answer(std::string_view answer, std::size_t steps) {
  const auto step = take(answer), nvrtc = take(answer), ptx = take(answer), log = take(answer), cubin = take(answer);
  if (!step || !nvrtc || !ptx || !log || !cubin || !answer.empty()) return std::nullopt;
  CompiledLadder compiled;
  if (const auto [stop, error] = std::from_chars(step->data(), step->data() + step->size(), compiled.step); error != std::errc() || compiled.step >= steps) return std::nullopt;
  compiled.nvrtc = *nvrtc;
  compiled.binary.ptx = *ptx;
  compiled.binary.log = *log;
  const auto bytes = std::as_bytes(std::span(*cubin));
  compiled.binary.cubin.assign(bytes.begin(), bytes.end());
  auto report = runtime::read_cubin(compiled.binary.cubin);
  if (!report) return std::nullopt;
  compiled.report = std::move(*report);
  compiled.spill_bytes = std::max(runtime::spill_bytes_in(compiled.binary.log), compiled.report.stack_bytes);
  return compiled;
}

}  // namespace

Result<NvrtcWorker> NvrtcWorker::start(bool in_child) {
  NvrtcWorker worker;
  if (!in_child) {
    worker.nvrtc_ = std::async(std::launch::async, [] { return runtime::Nvrtc::open(); });
    return worker;
  }
  const auto limits = limits_from_environment();
  if (!limits) return std::unexpected(limits.error());
  auto child = runtime::Child::start("NVRTC", serve, *limits);
  if (!child) return std::unexpected(child.error());
  worker.child_.emplace(std::move(*child));
  return worker;
}

Result<CompiledLadder> NvrtcWorker::compile(std::span<const std::string> texts, const std::string& architecture) {
  if (!child_) {
    const auto nvrtc = nvrtc_.get();
    if (!nvrtc) return std::unexpected(nvrtc.error());
    return compile_ladder(*nvrtc, texts, architecture, false);
  }
  std::string question;  // the architecture, then the texts
  append(question, architecture);
  for (const std::string& text : texts) append(question, text);
  const auto answer = child_->finish(question);
  if (!answer) return std::unexpected(answer.error());
  auto compiled = read_answer(*answer, texts.size());
  if (!compiled) return std::unexpected(Error{ErrorKind::Internal, "NVRTC in a child process gave an answer that is cut off"});
  return std::move(*compiled);
}

}  // namespace flexc
