// flex.gather_row: a row of a capture, which becomes a reduction over its elements.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-expand-rows | FileCheck "%s" --check-prefix=EXPANDED

flex.variant {
  flex.capture @c0 : f16[B, Q, 64]
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.gather_row @c0[%b, %q_idx] : !flex.row<f32 x 64>
    // EXPANDED: flex.reduce sum 64 (%[[I:.*]]) {
    // EXPANDED: flex.gather @c0[%b, %q_idx, %[[I]]] : f32
    %0 = flex.gather_row @c0[%b, %q] : !flex.row<f32 x 64>
    %1 = flex.sum %0 : !flex.row<f32 x 64>
    flex.yield %1 : f32
  }
}
