// flex.sign: (x > 0) - (x < 0).
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.sign %q_idx : i64
    %r1 = flex.sign %q : i64
    // CHECK: flex.sign %score : f32
    %r3 = flex.sign %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.sign %{{.*}} : !flex.row<f32 x 64>
    %r6 = flex.sign %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant -9223372036854775808 : i64
    %v1 = flex.sign %c0 : i64
    %c2 = arith.constant -1 : i64
    %v3 = flex.eq %v1, %c2 : i64
    %c4 = arith.constant 0 : i64
    %v5 = flex.sign %c4 : i64
    %c6 = arith.constant 0 : i64
    %v7 = flex.eq %v5, %c6 : i64
    %c8 = arith.constant 7 : i64
    %v9 = flex.sign %c8 : i64
    %c10 = arith.constant 1 : i64
    %v11 = flex.eq %v9, %c10 : i64
    %c12 = arith.constant -2.5 : f32
    %v13 = flex.sign %c12 : f32
    %c14 = arith.constant -1.0 : f32
    %v15 = flex.eq %v13, %c14 : f32
    %c16 = arith.constant 0x7FC00000 : f32
    %v17 = flex.sign %c16 : f32
    %c18 = arith.constant 1.0 : f32
    %v19 = flex.div %c18, %v17 : f32
    %c20 = arith.constant 0x7F800000 : f32
    %v21 = flex.eq %v19, %c20 : f32
    %c22 = arith.constant 0x7F800000 : f32
    %v23 = flex.sign %c22 : f32
    %c24 = arith.constant 1.0 : f32
    %v25 = flex.eq %v23, %c24 : f32
    %v26 = flex.and %v3, %v7 : i1
    %v27 = flex.and %v26, %v11 : i1
    %v28 = flex.and %v27, %v15 : i1
    %v29 = flex.and %v28, %v21 : i1
    %v30 = flex.and %v29, %v25 : i1
    flex.yield %v30 : i1
  }
}
