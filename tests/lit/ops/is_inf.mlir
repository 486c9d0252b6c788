// flex.is_inf: whether an infinity.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.is_inf %score : f32 -> i1
    %r = flex.is_inf %s : f32 -> i1
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant 0xFF800000 : f32
    %v1 = flex.is_inf %c0 : f32 -> i1
    %c2 = arith.constant 0x7FC00000 : f32
    %v3 = flex.is_inf %c2 : f32 -> i1
    %v4 = flex.not %v3 : i1
    %v5 = flex.and %v1, %v4 : i1
    flex.yield %v5 : i1
  }
}
