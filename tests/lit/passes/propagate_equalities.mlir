// Inside one document, the column's offset is the row's: a gather of every column becomes one of the row.
// RUN: flexc-opt "%s" --flexc-propagate-equalities --flexc-simplify | FileCheck "%s"

flex.variant {
  flex.capture @c0 : i32[Q]
  flex.capture @c1 : i32[n0]
  flex.fresh_dim @n0
  // CHECK-LABEL: flex.mask_mod
  flex.mask_mod(%b, %h, %q, %k) {
    // CHECK-NEXT: %[[DQ:.*]] = flex.gather @c0[%q_idx] : i64
    // CHECK-NEXT: %[[DK:.*]] = flex.gather @c0[%kv_idx] : i64
    // CHECK-NEXT: %[[SAME:.*]] = flex.eq %[[DQ]], %[[DK]] : i64
    // CHECK-NEXT: %[[O:.*]] = flex.gather @c1[%[[DQ]]] : i64
    // CHECK-NEXT: %[[A:.*]] = flex.sub %q_idx, %[[O]] : i64
    // CHECK-NEXT: %[[B:.*]] = flex.sub %kv_idx, %[[O]] : i64
    // CHECK-NEXT: %[[C:.*]] = flex.ge %[[A]], %[[B]] : i64
    // CHECK-NEXT: %[[R:.*]] = flex.and %[[SAME]], %[[C]] : i1
    // CHECK-NEXT: flex.yield %[[R]] : i1
    %dq = flex.gather @c0[%q] : i64
    %dk = flex.gather @c0[%k] : i64
    %same = flex.eq %dq, %dk : i64
    %oq = flex.gather @c1[%dq] : i64
    %ok = flex.gather @c1[%dk] : i64
    %a = flex.sub %q, %oq : i64
    %c = flex.sub %k, %ok : i64
    %causal = flex.ge %a, %c : i64
    %r = flex.and %same, %causal : i1
    flex.yield %r : i1
  }
}
