// flex.log2: binary logarithm.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.log2 %score : f32
    %r1 = flex.log2 %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.log2 %{{.*}} : !flex.row<f32 x 64>
    %r4 = flex.log2 %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 1024.0 : f32
    %v1 = flex.log2 %c0 : f32
    %c2 = arith.constant 10.0 : f32
    %v3 = flex.eq %v1, %c2 : f32
    %c4 = arith.constant 0.0 : f32
    %v5 = flex.log2 %c4 : f32
    %c6 = arith.constant 0xFF800000 : f32
    %v7 = flex.eq %v5, %c6 : f32
    %c8 = arith.constant -1.0 : f32
    %v9 = flex.log2 %c8 : f32
    %v10 = flex.is_nan %v9 : f32 -> i1
    %v11 = flex.and %v3, %v7 : i1
    %v12 = flex.and %v11, %v10 : i1
    flex.yield %v12 : i1
  }
}
