// Integers that fit are computed in 32 bits, where the variant allows it, and what that assumes is written down.
// RUN: flexc-opt "%s" --flexc-narrow-integers --split-input-file | FileCheck "%s"

// Positions, and what is computed of them; the conversion is one of 32 bits. The square does not fit.
// CHECK: flex.variant attributes {flex.assumes = ["positions"], flex.narrow}
// CHECK: flex.score_mod
// CHECK-DAG: %[[Q:.*]] = flex.to_i32 %q_idx
// CHECK-DAG: %[[K:.*]] = flex.to_i32 %kv_idx
// CHECK: %[[D:.*]] = flex.sub %[[K]], %[[Q]] : i32
// CHECK-NEXT: %[[W:.*]] = flex.to_i64 %[[D]]
// CHECK-NEXT: flex.int_to_float %[[D]] : i32 -> f32
// CHECK-NEXT: %[[S:.*]] = flex.mul %[[W]], %[[W]] : i64
// CHECK-NEXT: flex.int_to_float %[[S]] : i64 -> f32
flex.variant attributes {flex.narrow} {
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.sub %k, %q : i64
    %1 = flex.int_to_float %0 : i64 -> f32
    %2 = flex.mul %0, %0 : i64
    %3 = flex.int_to_float %2 : i64 -> f32
    %4 = flex.add %1, %3 : f32
    flex.yield %4 : f32
  }
}

// -----
// Without the attribute nothing changes.
// CHECK: flex.variant {
// CHECK-NOT: i32
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.ge %q, %k : i64
    flex.yield %0 : i1
  }
}

// -----
// A column's gather has 32-bit indices, a row's keeps its scalars; i32 elements are read as they are stored, i64 ones are not.
// CHECK: flex.variant attributes {flex.assumes = ["positions", "captures"], flex.narrow}
// CHECK: flex.mask_mod
// CHECK: %[[K:.*]] = flex.to_i32 %kv_idx
// CHECK: %[[A:.*]] = flex.gather @c0[%q_idx] : i32
// CHECK: %[[B:.*]] = flex.gather @c0[%[[K]] : i32] : i32
// CHECK: flex.eq %[[A]], %[[B]] : i32
// CHECK: %[[C:.*]] = flex.gather @c1[%[[B]] : i32] : i64
// CHECK: flex.eq %[[C]], %kv_idx : i64
flex.variant attributes {flex.narrow} {
  flex.capture @c0 : i32[KV]
  flex.capture @c1 : i64[KV]
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.gather @c0[%q] : i64
    %1 = flex.gather @c0[%k] : i64
    %2 = flex.eq %0, %1 : i64
    %3 = flex.gather @c1[%1] : i64
    %4 = flex.eq %3, %k : i64
    %5 = flex.and %2, %4 : i1
    flex.yield %5 : i1
  }
}

// -----
// What holds by the types alone assumes nothing; a wrap to 32 bits is one whatever it wraps.
// CHECK: flex.variant attributes {flex.narrow}
// CHECK: flex.mask_mod
// CHECK: %[[P:.*]] = flex.mul %q_idx, %kv_idx : i64
// CHECK: %[[L:.*]] = flex.to_i32 %[[P]]
// CHECK: %[[G:.*]] = flex.gather @c0[%h] : i32
// CHECK: flex.lt %[[L]], %[[G]] : i32
flex.variant attributes {flex.narrow} {
  flex.capture @c0 : i32[H]
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.mul %q, %k : i64
    %1 = flex.wrap_i32 %0 : i64
    %2 = flex.gather @c0[%h] : i64
    %3 = flex.lt %1, %2 : i64
    flex.yield %3 : i1
  }
}

// -----
// Params, sizes and fresh dims are assumed to be small too; of the sum of four of them nothing is known any more.
// CHECK: flex.variant attributes {flex.assumes = ["positions", "symbols", "params", "fresh_dims"], flex.narrow}
// CHECK: flex.mask_mod
// CHECK-DAG: %[[PARAM:.*]] = flex.read @p0 : i64
// CHECK-DAG: %[[N:.*]] = flex.dim n0
// CHECK: flex.mod %{{.*}}, %{{.*}} : i32
// CHECK: flex.add %{{.*}}, %{{.*}} : i32
// CHECK: flex.mul %{{.*}}, %{{.*}} : i64
// CHECK: flex.lt %{{.*}}, %{{.*}} : i64
flex.variant attributes {flex.narrow} {
  flex.param @p0 : i64
  flex.fresh_dim @n0
  flex.mask_mod(%b, %h, %q, %k) {
    %p = flex.read @p0 : i64
    %n = flex.dim n0
    %0 = flex.mod %k, %p : i64
    %1 = flex.add %n, %h : i64
    %2 = flex.mul %0, %1 : i64
    %3 = flex.lt %2, %n : i64
    flex.yield %3 : i1
  }
}
