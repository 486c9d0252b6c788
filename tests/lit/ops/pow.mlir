// flex.pow: power.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.pow %score, %score : f32
    %r1 = flex.pow %s, %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.pow %{{.*}}, %{{.*}} : !flex.row<f32 x 64>
    %r4 = flex.pow %row, %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 2.0 : f32
    %c1 = arith.constant 10.0 : f32
    %v2 = flex.pow %c0, %c1 : f32
    %c3 = arith.constant 1024.0 : f32
    %v4 = flex.eq %v2, %c3 : f32
    %c5 = arith.constant 0x7FC00000 : f32
    %c6 = arith.constant 0.0 : f32
    %v7 = flex.pow %c5, %c6 : f32
    %c8 = arith.constant 1.0 : f32
    %v9 = flex.eq %v7, %c8 : f32
    %c10 = arith.constant 0.0 : f32
    %c11 = arith.constant -1.0 : f32
    %v12 = flex.pow %c10, %c11 : f32
    %c13 = arith.constant 0x7F800000 : f32
    %v14 = flex.eq %v12, %c13 : f32
    %c15 = arith.constant -2.0 : f32
    %c16 = arith.constant 0.5 : f32
    %v17 = flex.pow %c15, %c16 : f32
    %v18 = flex.is_nan %v17 : f32 -> i1
    %v19 = flex.and %v4, %v9 : i1
    %v20 = flex.and %v19, %v14 : i1
    %v21 = flex.and %v20, %v18 : i1
    flex.yield %v21 : i1
  }
}
