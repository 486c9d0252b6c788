#include "tools/gpu_kit/reference.h"

#include <algorithm>
#include <cmath>

#include "dsl/elaborate/elaborate.h"
#include "dsl/syntax/parse.h"
#include "dsl/syntax/resolve.h"
#include "flexc/dsl/evaluate.h"
#include "runtime/kernel/bindings.h"

namespace flexc::kit {
namespace {

// ANCHORS: twice the error of an eager computation in the same dtype, three times with softcap; 1.1 times its mean error.
constexpr double kFactor = 2, kSoftcapFactor = 3, kMeanFactor = 1.1, kLseError = 1e-3;

double rounded_to(DType dtype, double x) {
  const float value = static_cast<float>(x);
  return dtype == bf16 ? bf16_to_float(float_to_bf16(value)) : f16_to_float(float_to_f16(value));
}

/// The limits that the oracle and the oracle in rounded mode give.
Limits limits_of(std::string_view variant, DType dtype, const Tensor& exact, const Tensor& rounded) {
  double largest = 0, sum = 0, atol = 0;
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < exact.view().element_count(); ++i) {
    const double reference = load_as_double(exact.view(), i), eager = load_as_double(rounded.view(), i);
    if (!std::isfinite(reference) || !std::isfinite(eager)) continue;
    const double near = rounded_to(dtype, reference), error = std::fabs(eager - reference);
    atol = std::max(atol, std::fabs(rounded_to(dtype, rounded_to(dtype, near + 0.3) - 0.3) - near));
    largest = std::max(largest, error), sum += error, ++count;
  }
  return {(variant == "softcap" ? kSoftcapFactor : kFactor) * largest + 2 * atol, count > 0 ? kMeanFactor * sum / static_cast<double>(count) : 0, kLseError};
}

bool same_special(double got, double want) { return got == want || (std::isnan(got) && std::isnan(want)); }

}  // namespace

Result<dsl::NormalForm> form_of(const GalleryEntry& entry) {
  Diagnostics diagnostics;
  const auto program = dsl::parse_file({std::string(entry.name), std::string(entry.text)}, diagnostics);
  dsl::resolve(*program, diagnostics);
  auto form = dsl::elaborate(*program, {}, diagnostics);
  if (!form) return std::unexpected(Error{ErrorKind::Internal, std::string(entry.name) + " of the gallery has no normal form"});
  return std::move(*form);
}

Result<Reference> reference_of(const GalleryEntry& entry, const dsl::NormalForm& form, const HostCall& host, int threads) {
  const Extents& e = host.extents;
  const auto environment = bind(form, host.arguments.captures, {e.batch, e.heads, e.kv_heads, e.q_total(), e.kv_total()});
  if (!environment) return std::unexpected(environment.error());
  Reference reference{Tensor(f32, host.q.view().shape), Tensor(f32, host.lse.view().shape), {}};
  Tensor rounded(f32, host.q.view().shape);
  dsl::AttentionCall call;
  call.q = host.q.view(), call.k = host.k.view(), call.v = host.v.view(), call.out = reference.out.view(), call.lse = reference.lse.view();
  call.scale = 1 / std::sqrt(static_cast<double>(e.head_dim)), call.threads = threads;
  call.q_offset = e.q_offset, call.kv_offset = e.kv_offset, call.q_step = e.q_step, call.kv_step = e.kv_step;
  if (auto status = dsl::evaluate_attention(form, *environment, call); !status) return std::unexpected(status.error());
  call.out = rounded.view(), call.lse = {}, call.mode = dsl::OracleMode::Rounded, call.rounded_dtype = host.q.view().dtype;
  if (auto status = dsl::evaluate_attention(form, *environment, call); !status) return std::unexpected(status.error());
  reference.limits = limits_of(entry.name, host.q.view().dtype, reference.out, rounded);
  return reference;
}

Verdict judge(const TensorView& out, const TensorView& lse, const TensorView& expected_out, const TensorView& expected_lse, const Limits& limits) {
  Verdict verdict;
  double sum = 0;
  for (std::int64_t i = 0; i < out.element_count(); ++i) {
    const double got = load_as_double(out, i), want = load_as_double(expected_out, i);
    if (!std::isfinite(got) || !std::isfinite(want)) {
      verdict.special += !same_special(got, want);
      continue;
    }
    verdict.error = std::max(verdict.error, std::fabs(got - want)), sum += std::fabs(got - want);
  }
  for (std::int64_t i = 0; i < lse.element_count(); ++i) {
    const double got = load_as_double(lse, i), want = load_as_double(expected_lse, i);
    if (std::isfinite(got) && std::isfinite(want)) verdict.lse_error = std::max(verdict.lse_error, std::fabs(got - want) / std::max(1.0, std::fabs(want)));
    else verdict.special += !same_special(got, want);
  }
  verdict.mean_error = sum / static_cast<double>(std::max<std::int64_t>(out.element_count(), 1));
  verdict.ok = verdict.special == 0 && verdict.error <= limits.error && verdict.mean_error <= limits.mean_error && verdict.lse_error <= limits.lse_error;
  return verdict;
}

}  // namespace flexc::kit
