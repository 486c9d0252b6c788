// flex.abs: INT64_MIN stays.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.abs %q_idx : i64
    %r1 = flex.abs %q : i64
    // CHECK: flex.abs %score : f32
    %r3 = flex.abs %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.abs %{{.*}} : !flex.row<f32 x 64>
    %r6 = flex.abs %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant -9223372036854775808 : i64
    %v1 = flex.abs %c0 : i64
    %c2 = arith.constant -9223372036854775808 : i64
    %v3 = flex.eq %v1, %c2 : i64
    %c4 = arith.constant -5 : i64
    %v5 = flex.abs %c4 : i64
    %c6 = arith.constant 5 : i64
    %v7 = flex.eq %v5, %c6 : i64
    %c8 = arith.constant -0.0 : f32
    %v9 = flex.abs %c8 : f32
    %c10 = arith.constant 1.0 : f32
    %v11 = flex.div %c10, %v9 : f32
    %c12 = arith.constant 0x7F800000 : f32
    %v13 = flex.eq %v11, %c12 : f32
    %c14 = arith.constant 0xFF800000 : f32
    %v15 = flex.abs %c14 : f32
    %c16 = arith.constant 0x7F800000 : f32
    %v17 = flex.eq %v15, %c16 : f32
    %c18 = arith.constant 0x7FC00000 : f32
    %v19 = flex.abs %c18 : f32
    %v20 = flex.is_nan %v19 : f32 -> i1
    %v21 = flex.and %v3, %v7 : i1
    %v22 = flex.and %v21, %v13 : i1
    %v23 = flex.and %v22, %v17 : i1
    %v24 = flex.and %v23, %v20 : i1
    flex.yield %v24 : i1
  }
}
