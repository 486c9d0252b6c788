// flex.min: a NaN stays.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.min %q_idx, %kv_idx : i64
    %r1 = flex.min %q, %k : i64
    // CHECK: flex.min %score, %score : f32
    %r3 = flex.min %s, %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.min %{{.*}}, %{{.*}} : !flex.row<f32 x 64>
    %r6 = flex.min %row, %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant -9223372036854775808 : i64
    %c1 = arith.constant 9223372036854775807 : i64
    %v2 = flex.min %c0, %c1 : i64
    %c3 = arith.constant -9223372036854775808 : i64
    %v4 = flex.eq %v2, %c3 : i64
    %c5 = arith.constant 3 : i64
    %c6 = arith.constant 3 : i64
    %v7 = flex.min %c5, %c6 : i64
    %c8 = arith.constant 3 : i64
    %v9 = flex.eq %v7, %c8 : i64
    %c10 = arith.constant 1.0 : f32
    %c11 = arith.constant 2.0 : f32
    %v12 = flex.min %c10, %c11 : f32
    %c13 = arith.constant 1.0 : f32
    %v14 = flex.eq %v12, %c13 : f32
    %c15 = arith.constant 0x7FC00000 : f32
    %c16 = arith.constant 1.0 : f32
    %v17 = flex.min %c15, %c16 : f32
    %v18 = flex.is_nan %v17 : f32 -> i1
    %c19 = arith.constant 1.0 : f32
    %c20 = arith.constant 0x7FC00000 : f32
    %v21 = flex.min %c19, %c20 : f32
    %v22 = flex.is_nan %v21 : f32 -> i1
    %v23 = flex.and %v4, %v9 : i1
    %v24 = flex.and %v23, %v14 : i1
    %v25 = flex.and %v24, %v18 : i1
    %v26 = flex.and %v25, %v22 : i1
    flex.yield %v26 : i1
  }
}
