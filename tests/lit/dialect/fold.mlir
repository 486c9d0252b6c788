// Folds: constants by the language's own arithmetic, and identities that hold for every input.
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s"

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // x // 0 is 0, and INT64_MIN // -1 wraps.
    // CHECK-DAG: %[[MIN:.*]] = arith.constant -9223372036854775808 : i64
    %min = arith.constant -9223372036854775808 : i64
    %minus_one = arith.constant -1 : i64
    %zero = arith.constant 0 : i64
    %0 = flex.floor_div %min, %minus_one : i64
    %1 = flex.floor_div %q, %zero : i64
    // x - x, x * 1, x + 0
    %2 = flex.sub %k, %k : i64
    %one = arith.constant 1 : i64
    %3 = flex.mul %q, %one : i64
    %4 = flex.add %3, %2 : i64
    // CHECK: %[[SUM:.*]] = flex.add %q_idx, %[[MIN]] : i64
    %5 = flex.add %4, %0 : i64
    %6 = flex.add %5, %1 : i64
    // CHECK: %[[F:.*]] = flex.int_to_float %[[SUM]]
    %7 = flex.int_to_float %6 : i64 -> f32
    // x + 0.0 is no identity (-0 + 0 is 0), x + -0.0 is.
    %f0 = arith.constant 0.0 : f32
    %fm0 = arith.constant -0.0 : f32
    // CHECK: %[[A:.*]] = flex.add %[[F]], %{{.*}} : f32
    %8 = flex.add %7, %f0 : f32
    %9 = flex.add %8, %fm0 : f32
    // x * 0.0 is no identity (NaN, -0).
    // CHECK: %[[M:.*]] = flex.mul %[[A]], %{{.*}} : f32
    %10 = flex.mul %9, %f0 : f32
    // CHECK: flex.yield %[[M]] : f32
    flex.yield %10 : f32
  }
  // CHECK-LABEL: flex.mask_mod
  flex.mask_mod(%b, %h, %q, %k) {
    // CHECK-NEXT: %[[GE:.*]] = flex.ge %q_idx, %kv_idx : i64
    // CHECK-NEXT: flex.yield %[[GE]] : i1
    %true = arith.constant true
    %0 = flex.lt %q, %k : i64
    %1 = flex.not %0 : i1
    %2 = flex.and %1, %true : i1
    %3 = flex.eq %q, %q : i64
    %4 = flex.and %2, %3 : i1
    flex.yield %4 : i1
  }
}
