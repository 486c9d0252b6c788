// flex.yield: the result of a mod, of an affine row, of a reduction's body.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

flex.variant {
  flex.capture @c0 : f32[H]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.reduce sum H (%i) {
      %1 = flex.gather @c0[%i] : f32
      // CHECK: flex.yield %{{.*}} : f32
      flex.yield %1 : f32
    } : f32
    // CHECK: flex.yield %{{.*}} : f32
    flex.yield %0 : f32
  }
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.lt %k, %q : i64
    // CHECK: flex.yield %{{.*}} : i1
    flex.yield %0 : i1
  }
}
