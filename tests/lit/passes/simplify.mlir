// Common subexpressions, and sums of integers in linear normal form modulo 2^64.
// RUN: flexc-opt "%s" --flexc-simplify --split-input-file | FileCheck "%s"

// k - (k - q) is q, and what was written twice is computed once.
// CHECK-LABEL: flex.mask_mod
// CHECK-NEXT: %[[D:.*]] = flex.sub %q_idx, %kv_idx : i64
// CHECK-NEXT: %[[A:.*]] = flex.ge %[[D]], %q_idx : i64
// CHECK-NEXT: flex.yield %[[A]]
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.sub %k, %q : i64
    %1 = flex.sub %k, %0 : i64
    %2 = flex.sub %q, %k : i64
    %3 = flex.sub %q, %k : i64
    %4 = flex.ge %2, %1 : i64
    %5 = flex.ge %3, %1 : i64
    %6 = flex.and %4, %5 : i1
    flex.yield %6 : i1
  }
}

// -----
// x - x % n is (x // n) * n.
// CHECK-LABEL: flex.mask_mod
// CHECK-DAG: %[[N:.*]] = arith.constant 16 : i64
// CHECK: %[[Q:.*]] = flex.floor_div %q_idx, %[[N]] : i64
// CHECK-NEXT: %[[M:.*]] = flex.mul %[[Q]], %[[N]] : i64
// CHECK-NEXT: flex.le %[[M]], %kv_idx
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %n = arith.constant 16 : i64
    %0 = flex.mod %q, %n : i64
    %1 = flex.sub %q, %0 : i64
    %2 = flex.le %1, %k : i64
    flex.yield %2 : i1
  }
}

// -----
// Equal terms leave an equality, which no overflow can hurt; an order keeps them, as sums may wrap.
// CHECK-LABEL: flex.mask_mod
// CHECK-NEXT: %[[X:.*]] = flex.add %q_idx, %h : i64
// CHECK-NEXT: %[[Y:.*]] = flex.add %kv_idx, %h : i64
// CHECK-NEXT: %[[E:.*]] = flex.eq %q_idx, %kv_idx : i64
// CHECK: %[[L:.*]] = flex.lt %[[X]], %[[Y]] : i64
// CHECK: flex.or %[[E]], %[[L]] : i1
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.add %q, %h : i64
    %1 = flex.add %k, %h : i64
    %2 = flex.eq %0, %1 : i64
    %3 = flex.lt %0, %1 : i64
    %4 = flex.or %2, %3 : i1
    flex.yield %4 : i1
  }
}

// -----
// A product of two values is a term like any other.
// CHECK-LABEL: flex.mask_mod
// CHECK-NEXT: %[[P:.*]] = flex.mul %q_idx, %h : i64
// CHECK-NEXT: %[[L:.*]] = flex.lt %[[P]], %kv_idx : i64
// CHECK-NEXT: flex.yield %[[L]]
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.mul %q, %h : i64
    %1 = flex.add %0, %k : i64
    %2 = flex.sub %1, %k : i64
    %3 = flex.lt %2, %k : i64
    flex.yield %3 : i1
  }
}
