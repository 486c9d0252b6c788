// flex.gather: an element of a capture: floats are read as f32, integers as i64, bools as i1.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

flex.variant {
  flex.capture @c0 : bf16[H]
  flex.capture @c1 : ui8[Q, KV]
  flex.capture @c2 : i1[]
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.gather @c0[%h] : f32
    %0 = flex.gather @c0[%h] : f32
    // CHECK-NEXT: flex.gather @c1[%q_idx, %kv_idx] : i64
    %1 = flex.gather @c1[%q, %k] : i64
    // CHECK-NEXT: flex.gather @c2[] : i1
    %2 = flex.gather @c2[] : i1
    // i32 indices are written with their type, and ui8 and i32 elements may be read as i32.
    %5 = flex.to_i32 %k
    // CHECK: flex.gather @c1[%q_idx, %{{.*}} : i32] : i32
    %6 = flex.gather @c1[%q, %5 : i32] : i32
    flex.yield %0 : f32
  }
}
