// flex.to_i32: the low 32 bits.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.mask_mod
  // FOLD-LABEL: flex.mask_mod
  // FOLD-DAG: %[[A:.*]] = arith.constant -2147483648 : i32
  // FOLD-DAG: %[[B:.*]] = flex.to_i32 %q_idx
  // FOLD: flex.lt %[[B]], %[[A]] : i32
  flex.mask_mod(%b, %h, %q, %k) {
    // CHECK: %[[Q:.*]] = flex.to_i32 %q_idx
    %0 = flex.to_i32 %q
    %c = arith.constant 6442450944 : i64
    %1 = flex.to_i32 %c
    // Widened and narrowed again, a value is itself.
    %2 = flex.to_i64 %0
    %3 = flex.to_i32 %2
    // CHECK: flex.lt %{{.*}}, %{{.*}} : i32
    %4 = flex.lt %3, %1 : i32
    flex.yield %4 : i1
  }
}
