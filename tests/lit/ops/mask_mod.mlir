// flex.mask_mod: which pairs may attend; its arguments get names when printed.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

flex.variant {
  // CHECK: flex.mask_mod(%b, %h, %q_idx, %kv_idx) {
  flex.mask_mod(%0, %1, %2, %3) {
    // CHECK-NEXT: flex.ge %q_idx, %kv_idx : i64
    %4 = flex.ge %2, %3 : i64
    flex.yield %4 : i1
  }
}
