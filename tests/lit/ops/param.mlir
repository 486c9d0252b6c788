// flex.param: a run-time scalar of each type.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

// CHECK: flex.variant {
flex.variant {
  // CHECK-NEXT: flex.param @p0 : i32
  flex.param @p0 : i32
  // CHECK-NEXT: flex.param @p1 : i64
  flex.param @p1 : i64
  // CHECK-NEXT: flex.param @p2 : f32
  flex.param @p2 : f32
  // CHECK-NEXT: flex.param @p3 : i1
  flex.param @p3 : i1
}
