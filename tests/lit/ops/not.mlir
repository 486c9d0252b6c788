// flex.not: of bits, or of a bool.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.not %q_idx : i64
    %r1 = flex.not %q : i64
    %bool = flex.ge %q, %k : i64
    // CHECK: flex.not %{{.*}} : i1
    %r4 = flex.not %bool : i1
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 0 : i64
    %v1 = flex.not %c0 : i64
    %c2 = arith.constant -1 : i64
    %v3 = flex.eq %v1, %c2 : i64
    %c4 = arith.constant 9223372036854775807 : i64
    %v5 = flex.not %c4 : i64
    %c6 = arith.constant -9223372036854775808 : i64
    %v7 = flex.eq %v5, %c6 : i64
    %c8 = arith.constant false
    %v9 = flex.not %c8 : i1
    %c10 = arith.constant true
    %v11 = flex.not %c10 : i1
    %v12 = flex.not %v11 : i1
    %v13 = flex.and %v3, %v7 : i1
    %v14 = flex.and %v13, %v9 : i1
    %v15 = flex.and %v14, %v12 : i1
    flex.yield %v15 : i1
  }
}
