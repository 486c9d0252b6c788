// flex.sum: sum of a row, from element 0 upwards.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-expand-rows | FileCheck "%s" --check-prefix=EXPANDED

flex.variant {
  flex.capture @c0 : f32[H, 64]
  flex.capture @c1 : i32[H, n0]
  flex.fresh_dim @n0
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.gather_row @c0[%h] : !flex.row<f32 x 64>
    // CHECK: flex.sum %{{.*}} : !flex.row<f32 x 64>
    // EXPANDED: flex.reduce sum 64
    %1 = flex.sum %0 : !flex.row<f32 x 64>
    %2 = flex.gather_row @c1[%h] : !flex.row<i64 x n0>
    // CHECK: flex.sum %{{.*}} : !flex.row<i64 x n0>
    // EXPANDED: flex.reduce sum n0
    %3 = flex.sum %2 : !flex.row<i64 x n0>
    %4 = flex.int_to_float %3 : i64 -> f32
    %5 = flex.add %1, %4 : f32
    flex.yield %5 : f32
  }
}
