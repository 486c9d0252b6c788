// flex.dim: a size that is known at launch: a problem symbol or a fresh dim.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

flex.variant {
  flex.fresh_dim @n0
  flex.mask_mod(%b, %h, %q, %k) {
    // CHECK: flex.dim B
    %0 = flex.dim B
    // CHECK-NEXT: flex.dim H
    %1 = flex.dim H
    // CHECK-NEXT: flex.dim HKV
    %2 = flex.dim HKV
    // CHECK-NEXT: flex.dim Q
    %3 = flex.dim Q
    // CHECK-NEXT: flex.dim KV
    %4 = flex.dim KV
    // CHECK-NEXT: flex.dim n0
    %5 = flex.dim n0
    %6 = flex.lt %k, %5 : i64
    flex.yield %6 : i1
  }
}
