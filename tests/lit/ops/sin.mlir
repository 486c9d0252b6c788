// flex.sin: sine.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.sin %score : f32
    %r1 = flex.sin %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.sin %{{.*}} : !flex.row<f32 x 64>
    %r4 = flex.sin %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant -0.0 : f32
    %v1 = flex.sin %c0 : f32
    %c2 = arith.constant 1.0 : f32
    %v3 = flex.div %c2, %v1 : f32
    %c4 = arith.constant 0xFF800000 : f32
    %v5 = flex.eq %v3, %c4 : f32
    %c6 = arith.constant 0x7F800000 : f32
    %v7 = flex.sin %c6 : f32
    %v8 = flex.is_nan %v7 : f32 -> i1
    %c9 = arith.constant 0x7FC00000 : f32
    %v10 = flex.sin %c9 : f32
    %v11 = flex.is_nan %v10 : f32 -> i1
    %v12 = flex.and %v5, %v8 : i1
    %v13 = flex.and %v12, %v11 : i1
    flex.yield %v13 : i1
  }
}
