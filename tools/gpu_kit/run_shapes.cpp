// Accuracy on shapes that the kit carries no outputs for: the oracle runs here, on this machine's processor.
#include <cmath>
#include <limits>
#include <thread>

#include "flexc/dsl/evaluate.h"
#include "runtime/kernel/bindings.h"
#include "tools/gpu_kit/verbs.h"

namespace flexc::kit {
namespace {

constexpr std::uint64_t kSeed = 17;
/// Keys begin this far behind the first query, so that causal variants have rows without a key.
constexpr std::int64_t kKeysLater = 60;
constexpr Extents kSpoilt{1, 2, 1, 113, 203};

struct Subject {
  const GalleryEntry* entry = nullptr;
  dsl::NormalForm form;
  BundledVariant variant;
  std::shared_ptr<const Kernel> kernel;
  DType dtype = DType::BF16;
  std::optional<CudaMemory> memory;  ///< none on the CPU
  int threads = 1;
};

struct Ran {
  Verdict verdict;
  Limits limits;
};

/// Runs the call and judges it.
Result<Ran> run_and_judge(const Subject& subject, HostCall& host) {
  const auto reference = reference_of(*subject.entry, subject.form, host, subject.threads);
  if (!reference) return std::unexpected(reference.error());
  if (subject.memory) {
    auto call = GpuCall::copy(*subject.memory, host, *subject.kernel);
    if (!call) return std::unexpected(call.error());
    if (auto status = subject.kernel->run(call->arguments); !status) return std::unexpected(status.error());
    for (const auto& [from, to] : {std::pair(&call->out, &host.out), std::pair(&call->lse, &host.lse)})
      if (auto status = subject.memory->copy_back(*from, to->view()); !status) return std::unexpected(status.error());
  } else if (auto status = subject.kernel->run(host.arguments); !status) {
    return std::unexpected(status.error());
  }
  Ran ran;
  ran.limits = reference->limits;
  ran.verdict = judge(host.out.view(), host.lse.view(), reference->out.view(), reference->lse.view(), reference->limits);
  return ran;
}

Json line_of(const std::string& name, const char* what, Device device, const Extents& e, const Ran& ran) {
  return {{"shape", name},       {"what", what}, {"device", name_of(device)}, {"ok", ran.verdict.ok}, {"extents", {e.batch, e.heads, e.kv_heads, e.q_len, e.kv_len, e.head_dim}},
          {"error", ran.verdict.error}, {"limit", ran.limits.error}, {"mean_error", ran.verdict.mean_error}, {"mean_limit", ran.limits.mean_error}, {"lse_error", ran.verdict.lse_error},
          {"special_values_that_differ", ran.verdict.special}};
}

/// A key that no row keeps (`removed`) or that some row keeps, by the oracle's mask. Negative: there is none.
Result<std::int64_t> find_key(const Subject& subject, const HostCall& host, bool removed) {
  if (!subject.form.mask) return removed ? -1 : 0;
  const Extents& e = host.extents;
  const auto environment = bind(subject.form, host.arguments.captures, {e.batch, e.heads, e.kv_heads, e.q_len, e.kv_len});
  if (!environment) return std::unexpected(environment.error());
  const auto fresh = dsl::bind_dims(subject.form, *environment);
  if (!fresh) return std::unexpected(fresh.error());
  dsl::Evaluator evaluator(*subject.form.mask, subject.form, *environment, *fresh);
  for (std::int64_t key = e.kv_len - 1; key >= 0; --key) {
    bool kept = false;
    for (std::int64_t row = 0; row < e.q_len * e.heads && !kept; ++row) kept = evaluator.mask(0, row / e.q_len, row % e.q_len, key);
    if (kept != removed) return key;
  }
  return -1;
}

/// NaN and infinity in k and v at one key.
void spoil(HostCall& host, DType dtype, std::int64_t key) {
  const auto bits = [dtype](float x) { return dtype == bf16 ? float_to_bf16(x) : float_to_f16(x); };
  const std::uint16_t nan = bits(std::numeric_limits<float>::quiet_NaN()), infinity = bits(std::numeric_limits<float>::infinity());
  const Extents& e = host.extents;
  for (std::int64_t head = 0; head < e.kv_heads; ++head) {
    const auto at = static_cast<std::size_t>((head * e.kv_len + key) * e.head_dim);
    host.k.as<std::uint16_t>()[at + 1] = infinity;
    host.v.as<std::uint16_t>()[at + 2] = nan, host.v.as<std::uint16_t>()[at + 3] = infinity;
  }
}

/// What has no effect must have none, and what has one must show.
Result<bool> run_spoilt(const Subject& subject, const std::string& name, Device device, std::int64_t head_dim, bool removed) {
  Extents extents = kSpoilt;
  extents.head_dim = head_dim;
  auto host = HostCall::make(subject.variant, subject.dtype, extents, kSeed);
  if (!host) return std::unexpected(host.error());
  const auto key = find_key(subject, *host, removed);
  if (!key) return std::unexpected(key.error());
  if (*key < 0) return true;  // a variant that removes nothing
  spoil(*host, subject.dtype, *key);
  const auto ran = run_and_judge(subject, *host);
  if (!ran) return std::unexpected(ran.error());
  say(line_of(name, removed ? "NaN and infinity where all rows remove them" : "NaN and infinity where rows keep them", device, extents, *ran));
  return ran->verdict.ok;
}

}  // namespace

Result<bool> run_shapes(const std::string& kit, const std::string& name, const std::vector<std::pair<std::int64_t, std::int64_t>>& shapes, Device device) {
  const auto what = open_case(kit, name);
  if (!what) return std::unexpected(what.error());
  const auto bundle = open_bundle(kit, what->bundle);
  if (!bundle) return std::unexpected(bundle.error());
  Subject subject;
  subject.entry = find_gallery_entry(what->variant), subject.dtype = what->dtype;
  if (subject.entry == nullptr) return std::unexpected(Error{ErrorKind::Input, what->variant + " is not in the gallery"});
  subject.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  auto variant = described(*bundle, what->variant);
  auto form = form_of(*subject.entry);
  auto kernel = bundle->kernel(what->variant, {.dtype = what->dtype, .head_dim = what->extents.head_dim, .device = device});
  if (!variant || !form || !kernel) return std::unexpected(!variant ? variant.error() : !form ? form.error() : kernel.error());
  subject.variant = std::move(*variant), subject.form = std::move(*form), subject.kernel = std::move(*kernel);
  if (device.kind == Device::Kind::Cuda) {
    auto memory = CudaMemory::open();
    if (!memory) return std::unexpected(memory.error());
    subject.memory = std::move(*memory);
  }

  bool all = true;
  const auto check = [&](const char* kind, const Extents& extents) -> Result<void> {
    auto host = HostCall::make(subject.variant, subject.dtype, extents, kSeed);
    if (!host) return std::unexpected(host.error());
    const auto ran = run_and_judge(subject, *host);
    if (!ran) return std::unexpected(ran.error());
    say(line_of(name, kind, device, extents, *ran));
    all = all && ran->verdict.ok;
    return {};
  };
  for (const auto& [q_len, kv_len] : shapes)
    if (auto status = check("odd shape", {1, 2, 1, q_len, kv_len, what->extents.head_dim}); !status) return std::unexpected(status.error());
  Extents later = kSpoilt;
  later.head_dim = what->extents.head_dim, later.kv_offset = kKeysLater;
  if (auto status = check("keys begin behind the first rows", later); !status) return std::unexpected(status.error());
  for (const bool removed : {true, false}) {
    const auto ok = run_spoilt(subject, name, device, what->extents.head_dim, removed);
    if (!ok) return ok;
    all = all && *ok;
  }
  return all;
}

}  // namespace flexc::kit
