// flex.score_mod: how a score is changed; its arguments get names when printed.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

flex.variant {
  // CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) {
  // CHECK-NEXT: flex.yield %score : f32
  flex.score_mod(%anything, %0, %1, %2, %3) {
    flex.yield %anything : f32
  }
}
