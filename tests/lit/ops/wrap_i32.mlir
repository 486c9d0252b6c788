// flex.wrap_i32: sign extension of the low 32 bits.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.wrap_i32 %q_idx : i64
    %r1 = flex.wrap_i32 %q : i64
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 2147483648 : i64
    %v1 = flex.wrap_i32 %c0 : i64
    %c2 = arith.constant -2147483648 : i64
    %v3 = flex.eq %v1, %c2 : i64
    %c4 = arith.constant 4294967296 : i64
    %v5 = flex.wrap_i32 %c4 : i64
    %c6 = arith.constant 0 : i64
    %v7 = flex.eq %v5, %c6 : i64
    %c8 = arith.constant -1 : i64
    %v9 = flex.wrap_i32 %c8 : i64
    %c10 = arith.constant -1 : i64
    %v11 = flex.eq %v9, %c10 : i64
    %v12 = flex.and %v3, %v7 : i1
    %v13 = flex.and %v12, %v11 : i1
    flex.yield %v13 : i1
  }
}
