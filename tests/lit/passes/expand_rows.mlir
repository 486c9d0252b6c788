// Rows are computed element by element, inside reductions and where they are indexed.
// RUN: flexc-opt "%s" --flexc-expand-rows | FileCheck "%s"

flex.variant {
  flex.capture @c0 : f32[Q, n0]
  flex.fresh_dim @n0
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK-NOT: flex.row
    // CHECK: flex.reduce sum n0 (%[[I:.*]]) {
    // CHECK-NEXT: %[[X:.*]] = flex.gather @c0[%q_idx, %[[I]]] : f32
    // CHECK-NEXT: %[[Y:.*]] = flex.gather @c0[%kv_idx, %[[I]]] : f32
    // CHECK-NEXT: %[[D:.*]] = flex.sub %[[X]], %[[Y]] : f32
    // CHECK: flex.mul %[[D]], %{{.*}} : f32
    // CHECK: flex.yield %{{.*}} : f32
    // CHECK-NEXT: } : f32
    %x = flex.gather_row @c0[%q] : !flex.row<f32 x n0>
    %y = flex.gather_row @c0[%k] : !flex.row<f32 x n0>
    %d = flex.sub %x, %y : !flex.row<f32 x n0>
    %0 = flex.dot %d, %d : !flex.row<f32 x n0>
    // Out of range a computed row is 0, whatever it computes.
    // CHECK: %[[N:.*]] = flex.dim n0
    // CHECK: %[[NEG:.*]] = flex.lt %h, %{{.*}} : i64
    // CHECK: %[[W:.*]] = flex.select %[[NEG]], %{{.*}}, %h : i64
    // CHECK: %[[IN:.*]] = flex.and %{{.*}}, %{{.*}} : i1
    // CHECK: flex.gather @c0[%q_idx, %[[W]]] : f32
    // CHECK: flex.select %[[IN]], %{{.*}}, %{{.*}} : f32
    %1 = flex.row_index %d[%h] : !flex.row<f32 x n0>
    // CHECK: flex.reduce min n0
    %2 = flex.row_min %d : !flex.row<f32 x n0>
    // CHECK: flex.reduce max n0
    %3 = flex.row_max %d : !flex.row<f32 x n0>
    %4 = flex.add %0, %1 : f32
    %5 = flex.add %2, %3 : f32
    %6 = flex.add %4, %5 : f32
    flex.yield %6 : f32
  }
}
