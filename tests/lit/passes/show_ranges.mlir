// What the range analysis knows, with and without the narrow assumptions; flex.rests_on and flex.exact are bits of members.h.
// RUN: flexc-opt "%s" --flexc-show-ranges --split-input-file | FileCheck "%s"

// CHECK-LABEL: flex.variant attributes {flex.narrow}
flex.variant attributes {flex.narrow} {
  flex.capture @c0 : ui8[KV]
  flex.capture @c1 : i32[n0]
  flex.param @p0 : i64
  flex.fresh_dim @n0
  flex.mask_mod(%b, %h, %q, %k) {
    %n = arith.constant 16 : i64
    // CHECK: flex.read @p0 {flex.exact = 4 : i64, flex.range = [-1073741823, 1073741823], flex.rests_on = 4 : i64}
    %p = flex.read @p0 : i64
    // CHECK: flex.sub {{.*}} {flex.exact = 1 : i64, flex.range = [-1073741823, 1073741823], flex.rests_on = 1 : i64}
    %d = flex.sub %q, %k : i64
    // A remainder by a constant rests on nothing, but was computed without wrapping only under the assumption.
    // CHECK: flex.mod {{.*}} {flex.exact = 1 : i64, flex.range = [0, 15]}
    %m = flex.mod %d, %n : i64
    // CHECK: flex.mul {{.*}} {flex.exact = 5 : i64, flex.range = [-1152921502459363329, 1152921502459363329], flex.rests_on = 5 : i64}
    %x = flex.mul %d, %p : i64
    // CHECK: flex.mul {{.*}} {flex.range = [-9223372036854775808, 9223372036854775807], flex.wraps}
    %y = flex.mul %x, %p : i64
    // CHECK: flex.gather @c0[%kv_idx] {flex.exact = 0 : i64, flex.range = [0, 255]}
    %g = flex.gather @c0[%k] : i64
    // CHECK: flex.reduce sum n0 (%[[I:.*]]) {
    // CHECK: flex.min %[[I]], %{{.*}} {flex.exact = 8 : i64, flex.range = [0, 16], flex.rests_on = 8 : i64}
    // CHECK: {flex.exact = 8 : i64, flex.range = [0, 17179869168], flex.rests_on = 8 : i64}
    %s = flex.reduce sum n0 (%i) {
      %e = flex.min %i, %n : i64
      flex.yield %e : i64
    } : i64
    %0 = flex.add %s, %g : i64
    %1 = flex.add %0, %m : i64
    %2 = flex.eq %1, %y : i64
    flex.yield %2 : i1
  }
}

// -----
// A host accepts negative offsets, so a position is any i64; the symbols are not negative, and b is below B.
// CHECK-LABEL: flex.variant {
flex.variant {
  flex.param @p0 : i32
  flex.mask_mod(%b, %h, %q, %k) {
    %one = arith.constant 1 : i64
    // CHECK: flex.read @p0 {flex.exact = 0 : i64, flex.range = [-2147483648, 2147483647]}
    %p = flex.read @p0 : i64
    // CHECK: flex.dim B {flex.exact = 0 : i64, flex.range = [0, 9223372036854775807]}
    %n = flex.dim B
    // CHECK: flex.add %b, {{.*}} {flex.exact = 0 : i64, flex.range = [1, 9223372036854775807]}
    %0 = flex.add %b, %one : i64
    // CHECK: flex.add %q_idx, {{.*}} {flex.range = [-9223372036854775808, 9223372036854775807], flex.wraps}
    %1 = flex.add %q, %one : i64
    // CHECK: flex.abs {{.*}} flex.wraps}
    %2 = flex.abs %k : i64
    %3 = flex.add %0, %n : i64
    %4 = flex.add %1, %2 : i64
    %5 = flex.add %3, %4 : i64
    %6 = flex.eq %5, %p : i64
    flex.yield %6 : i1
  }
}
