// flex.fresh_dim: a dim whose size the captures bring.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

// CHECK: flex.variant {
flex.variant {
  // CHECK-NEXT: flex.fresh_dim @n0
  flex.fresh_dim @n0
  // CHECK-NEXT: flex.fresh_dim @n1
  flex.fresh_dim @n1
}
