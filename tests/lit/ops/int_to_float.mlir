// flex.int_to_float: to the nearest f32, ties to even.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.int_to_float %q_idx : i64 -> f32
    %r = flex.int_to_float %q : i64 -> f32
    %row = flex.splat %q : !flex.row<i64 x 64>
    // CHECK: flex.int_to_float %{{.*}} : !flex.row<i64 x 64> -> !flex.row<f32 x 64>
    %rr = flex.int_to_float %row : !flex.row<i64 x 64> -> !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 16777217 : i64
    %v1 = flex.int_to_float %c0 : i64 -> f32
    %c2 = arith.constant 16777216.0 : f32
    %v3 = flex.eq %v1, %c2 : f32
    %c4 = arith.constant 16777219 : i64
    %v5 = flex.int_to_float %c4 : i64 -> f32
    %c6 = arith.constant 16777220.0 : f32
    %v7 = flex.eq %v5, %c6 : f32
    %c8 = arith.constant -9223372036854775808 : i64
    %v9 = flex.int_to_float %c8 : i64 -> f32
    %c10 = arith.constant -9.223372037e+18 : f32
    %v11 = flex.eq %v9, %c10 : f32
    %v12 = flex.and %v3, %v7 : i1
    %v13 = flex.and %v12, %v11 : i1
    flex.yield %v13 : i1
  }
}
