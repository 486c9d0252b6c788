#include "compiler/host/interpreted_gathers.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "flexc/dsl/evaluate.h"
#include "flexc/io.h"

namespace flexc {

GatherCheck interpreted_gathers(std::shared_ptr<const dsl::NormalForm> form) {
  return [form = std::move(form)](const RunArguments& arguments, const CallShape& shape, const runtime::Environment& environment) {
    dsl::AttentionCall call;
    Tensor scratch(f64, arguments.out.shape);
    call.q = arguments.q, call.k = arguments.k, call.v = arguments.v, call.out = scratch.view();
    call.scale = shape.scale;
    call.q_offset = arguments.q_offset, call.kv_offset = arguments.kv_offset;
    call.q_step = arguments.q_step, call.kv_step = arguments.kv_step;
    call.checked = true;
    call.threads = arguments.threads > 0 ? arguments.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    return dsl::evaluate_attention(*form, environment, call);
  };
}

}  // namespace flexc
