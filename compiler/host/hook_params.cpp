#include "compiler/host/hook_params.h"

namespace flexc {

Result<std::vector<std::uint64_t>> pack_hook_params(std::span<const runtime::HookWords> layout, const runtime::LaunchProgram& launch, const dsl::NormalForm& form,
                                                    const dsl::Environment& environment, std::span<const std::int64_t> fresh, double scale) {
  const dsl::Problem& problem = environment.problem;
  std::vector<runtime::HookCall::Param> params;
  for (std::size_t i = 0; i < environment.params.size(); ++i)
    params.push_back({environment.params[i].integer, environment.params[i].real, form.params[i].type == DType::F32});
  runtime::HookCall call;
  call.symbols = {problem.batch, problem.heads, problem.kv_heads, problem.q_total, problem.kv_total};
  call.captures = environment.captures;
  call.params = params;
  call.fresh_dims = fresh;
  call.scale = scale;
  return runtime::pack_hook_params(layout, launch, call);
}

}  // namespace flexc
