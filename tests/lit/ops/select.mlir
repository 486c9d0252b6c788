// flex.select: one of two values; both are evaluated, which is sound because every operation is total.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  // FOLD-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: %[[C:.*]] = flex.ge %q_idx, %kv_idx : i64
    %0 = flex.ge %q, %k : i64
    // CHECK-NEXT: flex.select %[[C]], %q_idx, %kv_idx : i64
    %1 = flex.select %0, %q, %k : i64
    // CHECK-NEXT: flex.select %[[C]], %[[C]], %[[C]] : i1
    %2 = flex.select %0, %0, %0 : i1
    %row = flex.splat %s : !flex.row<f32 x 8>
    // CHECK: flex.select %[[C]], %{{.*}}, %{{.*}} : !flex.row<f32 x 8>
    %3 = flex.select %0, %row, %row : !flex.row<f32 x 8>
    // Of a constant, the branch; of two equal values, the value.
    // FOLD-NEXT: flex.yield %score : f32
    %true = arith.constant true
    %nan = arith.constant 0x7FC00000 : f32
    %4 = flex.select %true, %s, %nan : f32
    %5 = flex.select %0, %4, %4 : f32
    flex.yield %5 : f32
  }
}
