// flex.to_i64: sign extension.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.mask_mod
  // FOLD-LABEL: flex.mask_mod
  // FOLD-DAG: %[[A:.*]] = arith.constant -2 : i64
  // FOLD-DAG: %[[B:.*]] = flex.to_i32 %q_idx
  // What was cut off does not come back.
  // FOLD: %[[C:.*]] = flex.to_i64 %[[B]]
  // FOLD: flex.lt %[[C]], %[[A]] : i64
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.to_i32 %q
    // CHECK: flex.to_i64 %{{.*}}
    %1 = flex.to_i64 %0
    %c = arith.constant -2 : i32
    %2 = flex.to_i64 %c
    %3 = flex.lt %1, %2 : i64
    flex.yield %3 : i1
  }
}
