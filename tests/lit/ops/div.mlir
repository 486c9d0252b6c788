// flex.div: as IEEE divides.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.div %score, %score : f32
    %r1 = flex.div %s, %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.div %{{.*}}, %{{.*}} : !flex.row<f32 x 64>
    %r4 = flex.div %row, %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 1.0 : f32
    %c1 = arith.constant 4.0 : f32
    %v2 = flex.div %c0, %c1 : f32
    %c3 = arith.constant 0.25 : f32
    %v4 = flex.eq %v2, %c3 : f32
    %c5 = arith.constant 1.0 : f32
    %c6 = arith.constant -0.0 : f32
    %v7 = flex.div %c5, %c6 : f32
    %c8 = arith.constant 0xFF800000 : f32
    %v9 = flex.eq %v7, %c8 : f32
    %c10 = arith.constant 0.0 : f32
    %c11 = arith.constant 0.0 : f32
    %v12 = flex.div %c10, %c11 : f32
    %v13 = flex.is_nan %v12 : f32 -> i1
    %v14 = flex.and %v4, %v9 : i1
    %v15 = flex.and %v14, %v13 : i1
    flex.yield %v15 : i1
  }
}
