// flex.sqrt: correctly rounded.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.sqrt %score : f32
    %r1 = flex.sqrt %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.sqrt %{{.*}} : !flex.row<f32 x 64>
    %r4 = flex.sqrt %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 2.25 : f32
    %v1 = flex.sqrt %c0 : f32
    %c2 = arith.constant 1.5 : f32
    %v3 = flex.eq %v1, %c2 : f32
    %c4 = arith.constant -1.0 : f32
    %v5 = flex.sqrt %c4 : f32
    %v6 = flex.is_nan %v5 : f32 -> i1
    %c7 = arith.constant -0.0 : f32
    %v8 = flex.sqrt %c7 : f32
    %c9 = arith.constant 1.0 : f32
    %v10 = flex.div %c9, %v8 : f32
    %c11 = arith.constant 0xFF800000 : f32
    %v12 = flex.eq %v10, %c11 : f32
    %c13 = arith.constant 0x7F800000 : f32
    %v14 = flex.sqrt %c13 : f32
    %c15 = arith.constant 0x7F800000 : f32
    %v16 = flex.eq %v14, %c15 : f32
    %v17 = flex.and %v3, %v6 : i1
    %v18 = flex.and %v17, %v12 : i1
    %v19 = flex.and %v18, %v16 : i1
    flex.yield %v19 : i1
  }
}
