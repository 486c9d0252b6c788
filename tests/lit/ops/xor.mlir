// flex.xor: of bits, or of bools.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.xor %q_idx, %kv_idx : i64
    %r1 = flex.xor %q, %k : i64
    %bool = flex.ge %q, %k : i64
    // CHECK: flex.xor %{{.*}}, %{{.*}} : i1
    %r4 = flex.xor %bool, %bool : i1
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 12 : i64
    %c1 = arith.constant 10 : i64
    %v2 = flex.xor %c0, %c1 : i64
    %c3 = arith.constant 6 : i64
    %v4 = flex.eq %v2, %c3 : i64
    %c5 = arith.constant -1 : i64
    %c6 = arith.constant -9223372036854775808 : i64
    %v7 = flex.xor %c5, %c6 : i64
    %c8 = arith.constant 9223372036854775807 : i64
    %v9 = flex.eq %v7, %c8 : i64
    %c10 = arith.constant true
    %c11 = arith.constant true
    %v12 = flex.xor %c10, %c11 : i1
    %v13 = flex.not %v12 : i1
    %c14 = arith.constant true
    %c15 = arith.constant false
    %v16 = flex.xor %c14, %c15 : i1
    %v17 = flex.and %v4, %v9 : i1
    %v18 = flex.and %v17, %v13 : i1
    %v19 = flex.and %v18, %v16 : i1
    flex.yield %v19 : i1
  }
}
