// flex.le: less or equal.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.le %q_idx, %kv_idx : i64
    %r1 = flex.le %q, %k : i64
    // CHECK: flex.le %score, %score : f32
    %r3 = flex.le %s, %s : f32
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 3 : i64
    %c1 = arith.constant 3 : i64
    %v2 = flex.le %c0, %c1 : i64
    %c3 = arith.constant 9223372036854775807 : i64
    %c4 = arith.constant -9223372036854775808 : i64
    %v5 = flex.le %c3, %c4 : i64
    %v6 = flex.not %v5 : i1
    %c7 = arith.constant 2.0 : f32
    %c8 = arith.constant 2.0 : f32
    %v9 = flex.le %c7, %c8 : f32
    %c10 = arith.constant 1.0 : f32
    %c11 = arith.constant 0x7FC00000 : f32
    %v12 = flex.le %c10, %c11 : f32
    %v13 = flex.not %v12 : i1
    %v14 = flex.and %v2, %v6 : i1
    %v15 = flex.and %v14, %v9 : i1
    %v16 = flex.and %v15, %v13 : i1
    flex.yield %v16 : i1
  }
}
