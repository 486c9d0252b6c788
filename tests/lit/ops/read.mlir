// flex.read: the value of a param; integers are read as i64.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

flex.variant {
  flex.param @p0 : i32
  flex.param @p1 : f32
  flex.param @p2 : i1
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.read @p0 : i64
    %0 = flex.read @p0 : i64
    // CHECK-NEXT: flex.read @p1 : f32
    %1 = flex.read @p1 : f32
    // CHECK-NEXT: flex.read @p2 : i1
    %2 = flex.read @p2 : i1
    flex.yield %1 : f32
  }
}
