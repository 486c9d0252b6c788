// RUN: flexc-opt %s --flexc-hoist-coordinates | FileCheck %s

flex.variant {
  flex.capture @c0 : f32[H]
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.dim KV {flex.level = "launch"}
    %n = flex.dim KV
    // CHECK: flex.gather @c0[%h] {flex.level = "head"}
    %0 = flex.gather @c0[%h] : f32
    // CHECK: flex.add %q_idx, %{{.*}} {flex.level = "q_side"}
    %1 = flex.add %q, %n : i64
    // CHECK: flex.add %kv_idx, %{{.*}} {flex.level = "kv_side"}
    %2 = flex.add %k, %n : i64
    // CHECK: flex.sub %{{.*}}, %{{.*}} {flex.level = "pair"}
    %3 = flex.sub %1, %2 : i64
    %4 = flex.int_to_float %3 : i64 -> f32
    // CHECK: flex.mul %score, %{{.*}} {flex.level = "pair"}
    %5 = flex.mul %s, %0 : f32
    %6 = flex.add %5, %4 : f32
    flex.yield %6 : f32
  }
}
