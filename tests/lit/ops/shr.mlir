// flex.shr: arithmetic; the count is taken modulo 64.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.shr %q_idx, %kv_idx : i64
    %r1 = flex.shr %q, %k : i64
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant -9223372036854775808 : i64
    %c1 = arith.constant 63 : i64
    %v2 = flex.shr %c0, %c1 : i64
    %c3 = arith.constant -1 : i64
    %v4 = flex.eq %v2, %c3 : i64
    %c5 = arith.constant -5 : i64
    %c6 = arith.constant 64 : i64
    %v7 = flex.shr %c5, %c6 : i64
    %c8 = arith.constant -5 : i64
    %v9 = flex.eq %v7, %c8 : i64
    %c10 = arith.constant 8 : i64
    %c11 = arith.constant 66 : i64
    %v12 = flex.shr %c10, %c11 : i64
    %c13 = arith.constant 2 : i64
    %v14 = flex.eq %v12, %c13 : i64
    %v15 = flex.and %v4, %v9 : i1
    %v16 = flex.and %v15, %v14 : i1
    flex.yield %v16 : i1
  }
}
