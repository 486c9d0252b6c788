// flex.band: a row's intervals of kv positions, one or two.
// RUN: flexc-opt "%s" --split-input-file | flexc-opt --split-input-file | FileCheck "%s"

flex.variant {
  // CHECK: flex.band(%b, %h, %q_idx) {
  flex.band(%0, %1, %2) {
    %least = arith.constant -9223372036854775808 : i64
    // CHECK: flex.yield %{{.*}}, %q_idx : i64, i64
    flex.yield %least, %2 : i64, i64
  }
}

// -----
// Beside a residual.
flex.variant {
  flex.param @p0 : i32
  // CHECK: flex.band(%b, %h, %q_idx) {
  flex.band(%b, %h, %q) {
    // CHECK-NEXT: %[[P:.*]] = flex.read @p0 : i64
    %0 = flex.read @p0 : i64
    // CHECK-NEXT: flex.yield %[[P]], %q_idx, %h, %[[P]] : i64, i64, i64, i64
    flex.yield %0, %q, %h, %0 : i64, i64, i64, i64
  }
  // CHECK: flex.mask_mod(%b, %h, %q_idx, %kv_idx) {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.eq %q, %k : i64
    flex.yield %0 : i1
  }
}
