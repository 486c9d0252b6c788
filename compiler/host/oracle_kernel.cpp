#include "compiler/host/oracle_kernel.h"

#include <algorithm>
#include <thread>

#include "compiler/host/tile_programs.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/io.h"
#include "runtime/kernel/arguments.h"
#include "runtime/kernel/bindings.h"

namespace flexc {
namespace {

/// Rounds a row-major f64 tensor once to `target`'s f16 or bf16.
void store_rounded(const Tensor& exact, const TensorView& target) {
  const std::int64_t rows = target.shape[2], columns = target.shape[3];
  const double* source = exact.as<double>();
  auto* base = static_cast<std::uint16_t*>(target.data);
  for (std::int64_t b = 0; b < target.shape[0]; ++b)
    for (std::int64_t h = 0; h < target.shape[1]; ++h)
      for (std::int64_t row = 0; row < rows; ++row) {
        std::uint16_t* out = base + b * target.strides[0] + h * target.strides[1] + row * target.strides[2];
        for (std::int64_t i = 0; i < columns; ++i, ++source) {
          const float value = round_to(target.dtype, *source);
          out[i] = target.dtype == f16 ? float_to_f16(value) : float_to_bf16(value);
        }
      }
}

class OracleKernel final : public Kernel {
 public:
  OracleKernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<runtime::MaskCache> masks)
      : form_(std::move(form)), masks_(form_, compiled_tile_program(form_), std::move(masks)), options_(std::move(options)) {}

  Device device() const override { return Device::oracle(); }

  Result<void> run(const RunArguments& arguments, void*) const override {
    const auto shape = check_arguments(arguments, options_);
    if (!shape) return std::unexpected(shape.error());
    const auto environment = bind(*form_, arguments.captures, shape->problem);
    if (!environment) return std::unexpected(environment.error());
    if (auto status = masks_.verify(arguments, *environment); !status) return status;

    dsl::AttentionCall call;
    call.q = arguments.q, call.k = arguments.k, call.v = arguments.v, call.out = arguments.out;
    call.lse = arguments.lse, call.max_scores = arguments.max_scores, call.sink = arguments.sink;
    call.scale = shape->scale;
    call.q_offset = arguments.q_offset, call.kv_offset = arguments.kv_offset;
    call.q_step = arguments.q_step, call.kv_step = arguments.kv_step;
    call.checked = arguments.checked;
    call.threads = arguments.threads ? arguments.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    call.progress = arguments.progress;
    // The interpreter writes f32 and f64; 16-bit outputs are rounded once, from f64.
    Tensor exact;
    const bool narrow = arguments.out.dtype != f32;
    if (narrow) {
      exact = Tensor(f64, arguments.out.shape);
      call.out = exact.view();
    }
    auto status = dsl::evaluate_attention(*form_, *environment, call);
    if (status && narrow) store_rounded(exact, arguments.out);
    return status;
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    return masks_.build(shape, captures, report);
  }

 private:
  std::shared_ptr<const dsl::NormalForm> form_;
  MaskBuilder masks_;
  CompileOptions options_;
};

}  // namespace

std::shared_ptr<const Kernel> make_oracle_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<runtime::MaskCache> masks) {
  return std::make_shared<OracleKernel>(std::move(form), std::move(options), std::move(masks));
}

}  // namespace flexc
