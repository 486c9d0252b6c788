// flex.affine_row: factor, row term and slope of a row of affine scores.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    flex.yield %s : f32
  }
  // CHECK: flex.affine_row(%b, %h, %q_idx, %kv_base, %kv_step) {
  flex.affine_row(%b, %h, %q, %base, %step) {
    %0 = flex.int_to_float %step : i64 -> f32
    // CHECK: flex.yield %{{.*}}, %{{.*}}, %{{.*}} : f32, f32, f32
    flex.yield %0, %0, %0 : f32, f32, f32
  }
}
