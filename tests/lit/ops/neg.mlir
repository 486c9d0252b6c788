// flex.neg: integers wrap.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.neg %q_idx : i64
    %r1 = flex.neg %q : i64
    // CHECK: flex.neg %score : f32
    %r3 = flex.neg %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.neg %{{.*}} : !flex.row<f32 x 64>
    %r6 = flex.neg %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant -9223372036854775808 : i64
    %v1 = flex.neg %c0 : i64
    %c2 = arith.constant -9223372036854775808 : i64
    %v3 = flex.eq %v1, %c2 : i64
    %c4 = arith.constant 5 : i64
    %v5 = flex.neg %c4 : i64
    %c6 = arith.constant -5 : i64
    %v7 = flex.eq %v5, %c6 : i64
    %c8 = arith.constant 0.0 : f32
    %v9 = flex.neg %c8 : f32
    %c10 = arith.constant 1.0 : f32
    %v11 = flex.div %c10, %v9 : f32
    %c12 = arith.constant 0xFF800000 : f32
    %v13 = flex.eq %v11, %c12 : f32
    %c14 = arith.constant 0x7FC00000 : f32
    %v15 = flex.neg %c14 : f32
    %v16 = flex.is_nan %v15 : f32 -> i1
    %c17 = arith.constant 0x7F800000 : f32
    %v18 = flex.neg %c17 : f32
    %c19 = arith.constant 0xFF800000 : f32
    %v20 = flex.eq %v18, %c19 : f32
    %v21 = flex.and %v3, %v7 : i1
    %v22 = flex.and %v21, %v13 : i1
    %v23 = flex.and %v22, %v16 : i1
    %v24 = flex.and %v23, %v20 : i1
    flex.yield %v24 : i1
  }
}
