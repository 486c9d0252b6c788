// Functions become the steps of the table; what is a single step already stays.
// RUN: flexc-opt "%s" --flexc-expand-math | FileCheck "%s"

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: %[[R:.*]] = math.sqrt %score : f32
    // CHECK: %[[D:.*]] = arith.divf %{{.*}}, %[[R]] : f32
    %0 = flex.rsqrt %s : f32
    // CHECK: flex.sqrt %[[D]] : f32
    %1 = flex.sqrt %0 : f32
    // CHECK: math.fma
    // CHECK: arith.bitcast
    // CHECK-NOT: flex.exp
    %2 = flex.exp %1 : f32
    // The integer one is no function of floats.
    // CHECK: flex.floor_div %q_idx, %kv_idx : i64
    %3 = flex.floor_div %q, %k : i64
    %4 = flex.int_to_float %3 : i64 -> f32
    // CHECK-NOT: flex.pow
    %5 = flex.pow %2, %4 : f32
    flex.yield %5 : f32
  }
}
