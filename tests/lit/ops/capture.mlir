// flex.capture: a captured tensor, of any element type the language has.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

// CHECK: flex.variant {
flex.variant {
  // CHECK-NEXT: flex.capture @c0 : f32 [H]
  flex.capture @c0 : f32[H]
  // CHECK-NEXT: flex.capture @c1 : bf16 [B, n0, 64]
  flex.capture @c1 : bf16[B, n0, 64]
  // CHECK-NEXT: flex.capture @c2 : f16 [n0]
  flex.capture @c2 : f16[n0]
  // CHECK-NEXT: flex.capture @c3 : ui8 [Q, KV]
  flex.capture @c3 : ui8[Q, KV]
  // CHECK-NEXT: flex.capture @c4 : i1 []
  flex.capture @c4 : i1[]
  // CHECK-NEXT: flex.capture @c5 : i32 [0]
  flex.capture @c5 : i32[0]
  // CHECK-NEXT: flex.capture @c6 : i64 [HKV, 8]
  flex.capture @c6 : i64[HKV, 8]
  flex.fresh_dim @n0
}
