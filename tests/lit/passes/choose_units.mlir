// RUN: flexc-opt "%s" --flexc-choose-units --split-input-file | FileCheck "%s"

// Soft capping by a param: the quotient becomes a product with the reciprocal, tanh is left to the unit.
// CHECK: %[[CAP:.*]] = flex.read @p0 : f32
// CHECK: %[[R:.*]] = flex.div %{{.*}}, %[[CAP]] : f32
// CHECK: %[[X:.*]] = flex.mul %score, %[[R]] : f32
// CHECK: flex.tanh %[[X]] {flex.unit} : f32
flex.variant {
  flex.param @p0 : f32
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.read @p0 : f32
    %1 = flex.div %s, %0 : f32
    %2 = flex.tanh %1 : f32
    flex.yield %2 : f32
  }
}

// -----
// What an integer or a boolean depends on stays exact: exp of the score decides.
// CHECK: flex.exp %score : f32
// CHECK-NOT: flex.unit
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.exp %s : f32
    %1 = flex.lt %0, %s : f32
    %2 = flex.select %1, %s, %0 : f32
    flex.yield %2 : f32
  }
}

// -----
// A row's value is computed once for many pairs, so exactly; a quotient of two values of the pair goes to the unit.
// CHECK: flex.log %{{.*}} : f32
// CHECK: flex.div %score, %{{.*}} {flex.unit} : f32
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.int_to_float %q : i64 -> f32
    %1 = flex.log %0 : f32
    %2 = flex.int_to_float %k : i64 -> f32
    %3 = flex.div %s, %2 : f32
    %4 = flex.mul %3, %1 : f32
    flex.yield %4 : f32
  }
}

// -----
// A mask is all strict.
// CHECK: flex.mask_mod
// CHECK: flex.sqrt %{{.*}} : f32
// CHECK-NOT: flex.unit
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.sub %q, %k : i64
    %1 = flex.int_to_float %0 : i64 -> f32
    %2 = flex.sqrt %1 : f32
    %3 = flex.lt %2, %1 : f32
    flex.yield %3 : i1
  }
}
