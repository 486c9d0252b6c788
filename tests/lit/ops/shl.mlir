// flex.shl: the count is taken modulo 64.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.shl %q_idx, %kv_idx : i64
    %r1 = flex.shl %q, %k : i64
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 1 : i64
    %c1 = arith.constant 63 : i64
    %v2 = flex.shl %c0, %c1 : i64
    %c3 = arith.constant -9223372036854775808 : i64
    %v4 = flex.eq %v2, %c3 : i64
    %c5 = arith.constant 3 : i64
    %c6 = arith.constant 64 : i64
    %v7 = flex.shl %c5, %c6 : i64
    %c8 = arith.constant 3 : i64
    %v9 = flex.eq %v7, %c8 : i64
    %c10 = arith.constant 3 : i64
    %c11 = arith.constant 65 : i64
    %v12 = flex.shl %c10, %c11 : i64
    %c13 = arith.constant 6 : i64
    %v14 = flex.eq %v12, %c13 : i64
    %c15 = arith.constant 1 : i64
    %c16 = arith.constant -1 : i64
    %v17 = flex.shl %c15, %c16 : i64
    %c18 = arith.constant -9223372036854775808 : i64
    %v19 = flex.eq %v17, %c18 : i64
    %v20 = flex.and %v4, %v9 : i1
    %v21 = flex.and %v20, %v14 : i1
    %v22 = flex.and %v21, %v19 : i1
    flex.yield %v22 : i1
  }
}
