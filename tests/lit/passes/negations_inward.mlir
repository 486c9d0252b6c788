// Conditions in negation normal form: De Morgan's rules, choices with a constant side, compared conditions.
// RUN: flexc-opt "%s" --flexc-negations-inward --split-input-file | FileCheck "%s"

// not (q < k or q - k > 5) is q >= k and q - k <= 5.
// CHECK-LABEL: flex.mask_mod
// CHECK-DAG: %[[A:.*]] = flex.ge %q_idx, %kv_idx : i64
// CHECK-DAG: %[[B:.*]] = flex.le
// CHECK: %[[R:.*]] = flex.and %[[A]], %[[B]] : i1
// CHECK-NEXT: flex.yield %[[R]] : i1
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %c5 = arith.constant 5 : i64
    %0 = flex.lt %q, %k : i64
    %1 = flex.sub %q, %k : i64
    %2 = flex.gt %1, %c5 : i64
    %3 = flex.or %0, %2 : i1
    %4 = flex.not %3 : i1
    flex.yield %4 : i1
  }
}

// -----
// select c, x, false is c and x; 1 == c as a number is c.
// CHECK-LABEL: flex.mask_mod
// CHECK-DAG: %[[A:.*]] = flex.ge %q_idx, %kv_idx : i64
// CHECK-DAG: %[[B:.*]] = flex.lt %b, %h : i64
// CHECK: %[[R:.*]] = flex.and %[[A]], %[[B]] : i1
// CHECK-NEXT: flex.yield %[[R]] : i1
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %false = arith.constant false
    %c1 = arith.constant 1 : i64
    %0 = flex.ge %q, %k : i64
    %1 = flex.lt %b, %h : i64
    %2 = flex.bool_to_int %1 : i1 -> i64
    %3 = flex.eq %2, %c1 : i64
    %4 = flex.select %0, %3, %false : i1
    flex.yield %4 : i1
  }
}

// -----
// With a NaN, not (x < y) is no order: it stays. Bits of integers are no conditions.
// CHECK-LABEL: flex.mask_mod
// CHECK: %[[L:.*]] = flex.lt {{.*}} : f32
// CHECK: flex.not %[[L]] : i1
// CHECK: %[[O:.*]] = flex.or {{.*}} : i64
// CHECK-NEXT: flex.not %[[O]] : i64
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.int_to_float %q : i64 -> f32
    %1 = flex.int_to_float %k : i64 -> f32
    %2 = flex.lt %0, %1 : f32
    %3 = flex.not %2 : i1
    %4 = flex.or %q, %k : i64
    %5 = flex.not %4 : i64
    %6 = flex.eq %5, %q : i64
    %7 = flex.and %3, %6 : i1
    flex.yield %7 : i1
  }
}
