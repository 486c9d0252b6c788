// RUN: flexc-opt "%s" --flexc-classify-score --flexc-simplify --split-input-file | FileCheck "%s"

// CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) attributes {flex.score_class = "identity"}
// CHECK-NOT: flex.affine_row
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    flex.yield %s : f32
  }
}

// -----
// ALiBi: the distance is exact at the segment's first column; the row's constant stays.
// CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) attributes {flex.score_class = "affine"}
// CHECK: flex.affine_row(%b, %h, %q_idx, %kv_base, %kv_step) {
// CHECK-NEXT: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK-NEXT: %[[D:.*]] = flex.sub %kv_base, %q_idx : i64
// CHECK-NEXT: %[[F:.*]] = flex.int_to_float %[[D]]
// CHECK-NEXT: %[[S:.*]] = flex.int_to_float %kv_step
// CHECK-NEXT: %[[A:.*]] = flex.gather @c0[%h] : f32
// CHECK-NEXT: %[[ROW:.*]] = flex.mul %[[F]], %[[A]] : f32
// CHECK-NEXT: %[[SLOPE:.*]] = flex.mul %[[S]], %[[A]] : f32
// CHECK-NEXT: flex.yield %[[ONE]], %[[ROW]], %[[SLOPE]] : f32, f32, f32
flex.variant {
  flex.capture @c0 : f32[H]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.gather @c0[%h] : f32
    %1 = flex.sub %k, %q : i64
    %2 = flex.int_to_float %1 : i64 -> f32
    %3 = flex.mul %0, %2 : f32
    %4 = flex.add %s, %3 : f32
    flex.yield %4 : f32
  }
}

// -----
// A value of each column is in no way affine.
// CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) attributes {flex.score_class = "general"}
// CHECK-NOT: flex.affine_row
flex.variant {
  flex.capture @c0 : f32[KV]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.gather @c0[%k] : f32
    %1 = flex.add %s, %0 : f32
    flex.yield %1 : f32
  }
}

// -----
// Neither is a square.
// CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) attributes {flex.score_class = "general"}
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.mul %s, %s : f32
    flex.yield %0 : f32
  }
}

// -----
// A sum that may wrap is not affine: f32 steps do not.
// CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) attributes {flex.score_class = "general"}
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    %c = arith.constant 4611686018427387904 : i64
    %0 = flex.mul %k, %c : i64
    %1 = flex.int_to_float %0 : i64 -> f32
    %2 = flex.add %s, %1 : f32
    flex.yield %2 : f32
  }
}

// -----
// Any i64 may stand in the capture.
// CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) attributes {flex.score_class = "general"}
flex.variant {
  flex.capture @c0 : i64[B]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.gather @c0[%b] : i64
    %1 = flex.add %k, %0 : i64
    %2 = flex.int_to_float %1 : i64 -> f32
    %3 = flex.add %s, %2 : f32
    flex.yield %3 : f32
  }
}

// -----
// 32 bits cannot make the sum wrap.
// CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) attributes {flex.score_class = "affine"}
flex.variant {
  flex.capture @c0 : i32[B]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.gather @c0[%b] : i64
    %1 = flex.sub %k, %0 : i64
    %2 = flex.int_to_float %1 : i64 -> f32
    %3 = flex.add %s, %2 : f32
    flex.yield %3 : f32
  }
}

// -----
// A reduction that the columns share is copied with what its body reads.
// CHECK: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) attributes {flex.score_class = "affine"}
// CHECK: flex.affine_row(%b, %h, %q_idx, %kv_base, %kv_step) {
// CHECK: flex.reduce
// CHECK: flex.gather @c0[%q_idx
flex.variant {
  flex.capture @c0 : f32[Q, 4]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.reduce sum 4 (%i) {
      %2 = flex.gather @c0[%q, %i] : f32
      flex.yield %2 : f32
    } : f32
    %1 = flex.add %s, %0 : f32
    flex.yield %1 : f32
  }
}
