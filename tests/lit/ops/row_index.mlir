// flex.row_index: an element of a row, which becomes a gather; the index wraps and zeroes by the row's own length.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-expand-rows | FileCheck "%s" --check-prefix=EXPANDED

flex.variant {
  flex.capture @c0 : f32[H, 64]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.gather_row @c0[%h] : !flex.row<f32 x 64>
    // CHECK: flex.row_index %{{.*}}[%kv_idx] : !flex.row<f32 x 64>
    // EXPANDED: %[[WRAPPED:.*]] = flex.select %{{.*}}, %{{.*}}, %kv_idx : i64
    // EXPANDED: %[[INSIDE:.*]] = flex.and %{{.*}}, %{{.*}} : i1
    // EXPANDED: %[[X:.*]] = flex.gather @c0[%h, %[[WRAPPED]]] : f32
    // EXPANDED: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
    // EXPANDED: %[[R:.*]] = flex.select %[[INSIDE]], %[[X]], %[[ZERO]] : f32
    // EXPANDED: flex.yield %[[R]] : f32
    %1 = flex.row_index %0[%k] : !flex.row<f32 x 64>
    flex.yield %1 : f32
  }
}
