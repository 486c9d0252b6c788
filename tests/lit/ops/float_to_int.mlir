// flex.float_to_int: truncates and saturates; NaN gives 0.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.float_to_int %score : f32 -> i64
    %r = flex.float_to_int %s : f32 -> i64
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.float_to_int %{{.*}} : !flex.row<f32 x 64> -> !flex.row<i64 x 64>
    %rr = flex.float_to_int %row : !flex.row<f32 x 64> -> !flex.row<i64 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant -1.75 : f32
    %v1 = flex.float_to_int %c0 : f32 -> i64
    %c2 = arith.constant -1 : i64
    %v3 = flex.eq %v1, %c2 : i64
    %c4 = arith.constant 1.000000000e+30 : f32
    %v5 = flex.float_to_int %c4 : f32 -> i64
    %c6 = arith.constant 9223372036854775807 : i64
    %v7 = flex.eq %v5, %c6 : i64
    %c8 = arith.constant 0xFF800000 : f32
    %v9 = flex.float_to_int %c8 : f32 -> i64
    %c10 = arith.constant -9223372036854775808 : i64
    %v11 = flex.eq %v9, %c10 : i64
    %c12 = arith.constant 0x7FC00000 : f32
    %v13 = flex.float_to_int %c12 : f32 -> i64
    %c14 = arith.constant 0 : i64
    %v15 = flex.eq %v13, %c14 : i64
    %v16 = flex.and %v3, %v7 : i1
    %v17 = flex.and %v16, %v11 : i1
    %v18 = flex.and %v17, %v15 : i1
    flex.yield %v18 : i1
  }
}
