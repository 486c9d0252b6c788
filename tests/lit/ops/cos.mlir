// flex.cos: cosine.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.cos %score : f32
    %r1 = flex.cos %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.cos %{{.*}} : !flex.row<f32 x 64>
    %r4 = flex.cos %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 0.0 : f32
    %v1 = flex.cos %c0 : f32
    %c2 = arith.constant 1.0 : f32
    %v3 = flex.eq %v1, %c2 : f32
    %c4 = arith.constant 0x7F800000 : f32
    %v5 = flex.cos %c4 : f32
    %v6 = flex.is_nan %v5 : f32 -> i1
    %c7 = arith.constant 0x7FC00000 : f32
    %v8 = flex.cos %c7 : f32
    %v9 = flex.is_nan %v8 : f32 -> i1
    %v10 = flex.and %v3, %v6 : i1
    %v11 = flex.and %v10, %v9 : i1
    flex.yield %v11 : i1
  }
}
