// flex.log: natural logarithm.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.log %score : f32
    %r1 = flex.log %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.log %{{.*}} : !flex.row<f32 x 64>
    %r4 = flex.log %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 1.0 : f32
    %v1 = flex.log %c0 : f32
    %c2 = arith.constant 1.0 : f32
    %v3 = flex.div %c2, %v1 : f32
    %c4 = arith.constant 0x7F800000 : f32
    %v5 = flex.eq %v3, %c4 : f32
    %c6 = arith.constant 0.0 : f32
    %v7 = flex.log %c6 : f32
    %c8 = arith.constant 0xFF800000 : f32
    %v9 = flex.eq %v7, %c8 : f32
    %c10 = arith.constant -1.0 : f32
    %v11 = flex.log %c10 : f32
    %v12 = flex.is_nan %v11 : f32 -> i1
    %c13 = arith.constant 0x7F800000 : f32
    %v14 = flex.log %c13 : f32
    %c15 = arith.constant 0x7F800000 : f32
    %v16 = flex.eq %v14, %c15 : f32
    %v17 = flex.and %v5, %v9 : i1
    %v18 = flex.and %v17, %v12 : i1
    %v19 = flex.and %v18, %v16 : i1
    flex.yield %v19 : i1
  }
}
