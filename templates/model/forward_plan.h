// A forward launch on the model: the runtime's plan, with tensor maps as the model decodes them.
#pragma once
#include "runtime/cuda/forward_plan.h"

namespace flexc::model {

using runtime::divisor_of;
using runtime::ForwardShape;
using runtime::ForwardTensor;

// As runtime::plan_forward, with maps.
flexc_hopper_arguments plan_forward(const ForwardShape& shape, const ForwardTensor& q, const ForwardTensor& k, const ForwardTensor& v, const ForwardTensor& out,
                                    bool descending, uint32_t group_heads);

// What the driver's encoder would be given, as the model's map.
flexc_tensor_map encode_map(const runtime::TensorMapRequest& request);
// The maps of a plan's arguments.
void encode_maps(runtime::ForwardPlan& plan);

}  // namespace flexc::model
