// flex.reduce: a reduction over the elements of a row that is computed on the fly.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

flex.variant {
  flex.capture @c0 : f32[H, n0]
  flex.fresh_dim @n0
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.reduce max n0 (%[[I:.*]]) {
    %0 = flex.reduce max n0 (%i) {
      // CHECK-NEXT: flex.gather @c0[%h, %[[I]]] : f32
      %1 = flex.gather @c0[%h, %i] : f32
      // CHECK-NEXT: flex.yield %{{.*}} : f32
      flex.yield %1 : f32
    // CHECK-NEXT: } : f32
    } : f32
    flex.yield %0 : f32
  }
}
