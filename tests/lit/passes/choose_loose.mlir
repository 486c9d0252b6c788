// RUN: flexc-opt "%s" --flexc-choose-loose --split-input-file | FileCheck "%s"

// Soft capping by a param: a narrow member assumes that it has a reciprocal.
// CHECK: flex.variant attributes {flex.assumes = ["reciprocals"], flex.narrow}
// CHECK: %[[CAP:.*]] = flex.read @p0 : f32
// CHECK: %[[R:.*]] = flex.div %{{.*}}, %[[CAP]] : f32
// CHECK: %[[X:.*]] = flex.mul %score, %[[R]] : f32
// CHECK: flex.tanh %[[X]] {flex.loose} : f32
flex.variant attributes {flex.narrow} {
  flex.param @p0 : f32
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.read @p0 : f32
    %1 = flex.div %s, %0 : f32
    %2 = flex.tanh %1 : f32
    flex.yield %2 : f32
  }
}

// -----
// A wide member assumes nothing.
// CHECK: flex.variant {
// CHECK: %[[CAP:.*]] = flex.read @p0 : f32
// CHECK: flex.div %score, %[[CAP]] : f32
flex.variant {
  flex.param @p0 : f32
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.read @p0 : f32
    %1 = flex.div %s, %0 : f32
    flex.yield %1 : f32
  }
}

// -----
// Of a constant it is known: 1/20 is a normal number, the reciprocal of 1e38 is not.
// CHECK: %[[R:.*]] = arith.constant 5.000000e-02 : f32
// CHECK: flex.mul %score, %[[R]] : f32
// CHECK: flex.div %score, %{{.*}} : f32
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    %c20 = arith.constant 20.0 : f32
    %huge = arith.constant 1.0e38 : f32
    %0 = flex.div %s, %c20 : f32
    %1 = flex.div %s, %huge : f32
    %2 = flex.add %0, %1 : f32
    flex.yield %2 : f32
  }
}

// -----
// What a boolean depends on stays exact; so does an affine score, whose loops do not compute this.
// CHECK: flex.tanh %score : f32
// CHECK: flex.score_class = "affine"
// CHECK: flex.div %score
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    %0 = flex.tanh %s : f32
    %1 = flex.lt %0, %s : f32
    %2 = flex.select %1, %s, %s : f32
    flex.yield %2 : f32
  }
}
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) attributes {flex.score_class = "affine"} {
    %c20 = arith.constant 20.0 : f32
    %0 = flex.div %s, %c20 : f32
    flex.yield %0 : f32
  }
}
