// RUN: flexc-opt "%s" --flexc-hoist-coordinates | FileCheck "%s"

flex.variant {
  flex.capture @c0 : f32[H]
  flex.capture @c1 : i32[KV]
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.dim KV {flex.level = "launch"}
    %n = flex.dim KV
    // CHECK: flex.gather @c0[%h] {flex.level = "head"}
    %0 = flex.gather @c0[%h] : f32
    // CHECK: flex.add %q_idx, %{{.*}} {flex.level = "q_side"}
    %1 = flex.add %q, %n : i64
    // CHECK: flex.add %kv_idx, %{{.*}} {flex.level = "kv_side"}
    %2 = flex.add %k, %n : i64
    // CHECK: flex.sub %{{.*}}, %{{.*}} {flex.level = "relative"}
    %3 = flex.sub %1, %2 : i64
    %4 = flex.int_to_float %3 : i64 -> f32
    // CHECK: flex.mul %score, %{{.*}} {flex.level = "pair"}
    %5 = flex.mul %s, %0 : f32
    %6 = flex.add %5, %4 : f32
    flex.yield %6 : f32
  }
  // A gather of the column is worth a slot where a pair needs it; what costs nothing is computed again.
  // CHECK-LABEL: flex.mask_mod
  flex.mask_mod(%b, %h, %q, %k) {
    %one = arith.constant 1 : i64
    // CHECK: flex.gather @c1[%kv_idx] {flex.level = "kv_side"}
    %0 = flex.gather @c1[%k] : i64
    // CHECK: flex.add %{{.*}}, %{{.*}} {flex.level = "kv_side", flex.slot = 0 : i64}
    %1 = flex.add %0, %one : i64
    // CHECK: flex.add %kv_idx, %{{.*}} {flex.level = "kv_side"}
    %2 = flex.add %k, %one : i64
    %3 = flex.eq %q, %1 : i64
    %4 = flex.eq %q, %2 : i64
    %5 = flex.or %3, %4 : i1
    flex.yield %5 : i1
  }
}
