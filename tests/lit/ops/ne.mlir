// flex.ne: different; it alone holds with a NaN.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.ne %q_idx, %kv_idx : i64
    %r1 = flex.ne %q, %k : i64
    // CHECK: flex.ne %score, %score : f32
    %r3 = flex.ne %s, %s : f32
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 3 : i64
    %c1 = arith.constant 3 : i64
    %v2 = flex.ne %c0, %c1 : i64
    %v3 = flex.not %v2 : i1
    %c4 = arith.constant -9223372036854775808 : i64
    %c5 = arith.constant 9223372036854775807 : i64
    %v6 = flex.ne %c4, %c5 : i64
    %c7 = arith.constant 0.0 : f32
    %c8 = arith.constant -0.0 : f32
    %v9 = flex.ne %c7, %c8 : f32
    %v10 = flex.not %v9 : i1
    %c11 = arith.constant 0x7FC00000 : f32
    %c12 = arith.constant 0x7FC00000 : f32
    %v13 = flex.ne %c11, %c12 : f32
    %v14 = flex.and %v3, %v6 : i1
    %v15 = flex.and %v14, %v10 : i1
    %v16 = flex.and %v15, %v13 : i1
    flex.yield %v16 : i1
  }
}
