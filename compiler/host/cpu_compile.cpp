#include "compiler/host/cpu_compile.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "compiler/host/tile_programs.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/io.h"

namespace flexc {
namespace {

/// Compiled gathers do not report; the interpreter, which does, goes over the call first.
Result<void> check_gathers(const dsl::NormalForm& form, const RunArguments& arguments, const CallShape& shape, const runtime::Environment& environment) {
  dsl::AttentionCall call;
  Tensor scratch(f64, arguments.out.shape);
  call.q = arguments.q, call.k = arguments.k, call.v = arguments.v, call.out = scratch.view();
  call.scale = shape.scale;
  call.q_offset = arguments.q_offset, call.kv_offset = arguments.kv_offset;
  call.checked = true;
  call.threads = arguments.threads > 0 ? arguments.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return dsl::evaluate_attention(form, environment, call);
}

}  // namespace

Result<std::shared_ptr<const Kernel>> make_cpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<RowCompiler> compiler,
                                                      std::shared_ptr<runtime::MaskCache> masks) {
  CpuKernelParts parts;
  parts.signature = form;
  parts.options = std::move(options);
  parts.members = [form, compiler = std::move(compiler)](runtime::Member member) { return compiler->member(*form, member); };
  parts.tile_program = compiled_tile_program(form);
  parts.masks = std::move(masks);
  parts.check_gathers = [form](const RunArguments& arguments, const CallShape& shape, const runtime::Environment& environment) {
    return check_gathers(*form, arguments, shape, environment);
  };
  return make_cpu_kernel(std::move(parts));
}

}  // namespace flexc
