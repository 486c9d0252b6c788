// What depends on b, h and q - kv alone, and which of it stands in the table of differences.
// RUN: flexc-opt "%s" --flexc-hoist-coordinates | FileCheck "%s"

// Positions enter by their difference: multiples of it, in 64 bits and in 32, and whatever is made of them with values of a head.
// CHECK-LABEL: flex.variant
flex.variant {
  flex.capture @c0 : f32[129, H]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %two = arith.constant 2 : i64
    %four = arith.constant 4 : i64
    // CHECK: flex.mul %q_idx, %{{.*}} {flex.level = "q_side"}
    %q2 = flex.mul %q, %two : i64
    // CHECK: flex.mul %{{.*}}, %kv_idx {flex.level = "kv_side"}
    %k2 = flex.mul %two, %k : i64
    // CHECK: flex.sub %{{.*}}, %{{.*}} {flex.level = "relative"}
    %d = flex.sub %q2, %k2 : i64
    %qn = flex.to_i32 %q
    %kn = flex.to_i32 %k
    %minus = flex.neg %kn : i32
    // CHECK: flex.add %{{.*}}, %{{.*}} {flex.level = "relative"} : i32
    %dn = flex.add %qn, %minus : i32
    // CHECK: flex.to_i64 %{{.*}} {flex.level = "relative"}
    %dw = flex.to_i64 %dn
    %a = flex.abs %d : i64
    %sum = flex.add %a, %dw : i64
    // CHECK: flex.floor_div %{{.*}} {flex.level = "relative"}
    %e = flex.floor_div %sum, %four : i64
    // CHECK: flex.gather {{.*}} {flex.level = "relative", flex.relative_slot = 0 : i64}
    %g = flex.gather @c0[%e, %h] : f32
    // CHECK: flex.add %score, %{{.*}} {flex.level = "pair"}
    %r = flex.add %s, %g : f32
    flex.yield %r : f32
  }
}

// No multiples of the difference: other coefficients, sums, comparisons of positions (which a sum that wraps reverses), what is read at a position.
// CHECK-LABEL: flex.variant
flex.variant {
  flex.capture @c0 : f32[KV]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %two = arith.constant 2 : i64
    %q2 = flex.mul %q, %two : i64
    // CHECK: flex.sub %{{.*}}, %kv_idx {flex.level = "pair"}
    %0 = flex.sub %q2, %k : i64
    // CHECK: flex.add %q_idx, %kv_idx {flex.level = "pair"}
    %1 = flex.add %q, %k : i64
    // CHECK: flex.gt %q_idx, %kv_idx {flex.level = "pair"}
    %2 = flex.gt %q, %k : i64
    // CHECK: flex.mul %q_idx, %kv_idx {flex.level = "pair"}
    %3 = flex.mul %q, %k : i64
    %qn = flex.to_i32 %q
    %qw = flex.to_i64 %qn
    // The sign extension of 32 bits does not move with the position.
    // CHECK: flex.sub %{{.*}}, %kv_idx {flex.level = "pair"}
    %4 = flex.sub %qw, %k : i64
    %gq = flex.gather @c0[%q] : f32
    %gk = flex.gather @c0[%k] : f32
    // CHECK: flex.sub %{{.*}}, %{{.*}} {flex.level = "pair"} : f32
    %5 = flex.sub %gq, %gk : f32
    %6 = flex.add %0, %1 : i64
    %7 = flex.add %6, %3 : i64
    %8 = flex.add %7, %4 : i64
    %9 = flex.select %2, %8, %0 : i64
    %f = flex.int_to_float %9 : i64 -> f32
    %g = flex.add %f, %5 : f32
    // CHECK-NOT: flex.relative_slot
    %r = flex.add %s, %g : f32
    flex.yield %r : f32
  }
}

// What costs less than reading it stays; so does what an affine score has, and all of a mask.
// CHECK-LABEL: flex.variant
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    %zero = arith.constant 0 : i64
    %half = arith.constant 0.5 : f32
    %d = flex.sub %q, %k : i64
    // CHECK: flex.gt %{{.*}} {flex.level = "relative"}
    %0 = flex.gt %d, %zero : i64
    %1 = flex.mul %s, %half : f32
    // CHECK-NOT: flex.relative_slot
    %r = flex.select %0, %1, %s : f32
    flex.yield %r : f32
  }
  flex.mask_mod(%b, %h, %q, %k) {
    %three = arith.constant 3 : i64
    %zero = arith.constant 0 : i64
    %d = flex.sub %q, %k : i64
    // CHECK: flex.mod %{{.*}} {flex.level = "relative"}
    %0 = flex.mod %d, %three : i64
    %1 = flex.eq %0, %zero : i64
    flex.yield %1 : i1
  }
}
// CHECK-LABEL: flex.variant
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) attributes {flex.score_class = "affine"} {
    %d = flex.sub %k, %q : i64
    // CHECK: flex.int_to_float %{{.*}} {flex.level = "relative"}
    // CHECK-NOT: flex.relative_slot
    %f = flex.int_to_float %d : i64 -> f32
    %r = flex.add %s, %f : f32
    flex.yield %r : f32
  }
}

// Four words an entry, two of them an i64's: the most expensive values get them.
// CHECK-LABEL: flex.variant
flex.variant {
  flex.capture @c0 : f32[9]
  flex.capture @c1 : i64[9]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %d = flex.sub %q, %k : i64
    // CHECK: flex.int_to_float {{.*}} {flex.level = "relative"} : i64 -> f32
    %f0 = flex.int_to_float %d : i64 -> f32
    // CHECK: flex.gather @c0{{.*}} {flex.level = "relative", flex.relative_slot = 1 : i64}
    %f1 = flex.gather @c0[%d] : f32
    // CHECK: flex.gather @c1{{.*}} {flex.level = "relative", flex.relative_slot = 2 : i64}
    %i1 = flex.gather @c1[%d] : i64
    %e = flex.abs %d : i64
    // CHECK: flex.gather @c0{{.*}} {flex.level = "relative", flex.relative_slot = 0 : i64}
    %f2 = flex.gather @c0[%e] : f32
    %r0 = flex.mul %s, %f0 : f32
    %r1 = flex.mul %r0, %f1 : f32
    %r2 = flex.mul %r1, %f2 : f32
    %i2 = flex.add %i1, %q : i64
    %f3 = flex.int_to_float %i2 : i64 -> f32
    %r3 = flex.add %r2, %f3 : f32
    flex.yield %r3 : f32
  }
}
