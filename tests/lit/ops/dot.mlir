// flex.dot: sum of products of two rows, each product rounded.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-expand-rows | FileCheck "%s" --check-prefix=EXPANDED

flex.variant {
  flex.capture @c0 : f32[H, 64]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.gather_row @c0[%h] : !flex.row<f32 x 64>
    // CHECK: flex.dot %{{.*}}, %{{.*}} : !flex.row<f32 x 64>
    // EXPANDED: flex.reduce sum 64
    // EXPANDED: flex.mul
    %1 = flex.dot %0, %0 : !flex.row<f32 x 64>
    flex.yield %1 : f32
  }
}
