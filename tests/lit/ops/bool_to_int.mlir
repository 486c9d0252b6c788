// flex.bool_to_int: 0 or 1.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    %bool = flex.ge %q, %k : i64
    // CHECK: flex.bool_to_int %{{.*}} : i1 -> i64
    %r = flex.bool_to_int %bool : i1 -> i64
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant false
    %v1 = flex.bool_to_int %c0 : i1 -> i64
    %c2 = arith.constant 0 : i64
    %v3 = flex.eq %v1, %c2 : i64
    %c4 = arith.constant true
    %v5 = flex.bool_to_int %c4 : i1 -> i64
    %c6 = arith.constant 1 : i64
    %v7 = flex.eq %v5, %c6 : i64
    %v8 = flex.and %v3, %v7 : i1
    flex.yield %v8 : i1
  }
}
