// flex.floor_div: floor of the quotient; by zero 0; INT64_MIN // -1 wraps; floats follow IEEE.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s" --check-prefix=FOLD

flex.variant {
  // CHECK-LABEL: flex.score_mod
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.floor_div %q_idx, %kv_idx : i64
    %r1 = flex.floor_div %q, %k : i64
    // CHECK: flex.floor_div %score, %score : f32
    %r3 = flex.floor_div %s, %s : f32
    %row = flex.splat %s : !flex.row<f32 x 64>
    // CHECK: flex.floor_div %{{.*}}, %{{.*}} : !flex.row<f32 x 64>
    %r6 = flex.floor_div %row, %row : !flex.row<f32 x 64>
    flex.yield %s : f32
  }
  // At these values, all of which fold.
  // FOLD-LABEL: flex.mask_mod
  // FOLD-NEXT: %[[TRUE:.*]] = arith.constant true
  // FOLD-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %c0 = arith.constant -7 : i64
    %c1 = arith.constant 2 : i64
    %v2 = flex.floor_div %c0, %c1 : i64
    %c3 = arith.constant -4 : i64
    %v4 = flex.eq %v2, %c3 : i64
    %c5 = arith.constant 7 : i64
    %c6 = arith.constant -2 : i64
    %v7 = flex.floor_div %c5, %c6 : i64
    %c8 = arith.constant -4 : i64
    %v9 = flex.eq %v7, %c8 : i64
    %c10 = arith.constant 7 : i64
    %c11 = arith.constant 0 : i64
    %v12 = flex.floor_div %c10, %c11 : i64
    %c13 = arith.constant 0 : i64
    %v14 = flex.eq %v12, %c13 : i64
    %c15 = arith.constant -9223372036854775808 : i64
    %c16 = arith.constant -1 : i64
    %v17 = flex.floor_div %c15, %c16 : i64
    %c18 = arith.constant -9223372036854775808 : i64
    %v19 = flex.eq %v17, %c18 : i64
    %c20 = arith.constant -7.0 : f32
    %c21 = arith.constant 2.0 : f32
    %v22 = flex.floor_div %c20, %c21 : f32
    %c23 = arith.constant -4.0 : f32
    %v24 = flex.eq %v22, %c23 : f32
    %c25 = arith.constant 1.0 : f32
    %c26 = arith.constant 0.0 : f32
    %v27 = flex.floor_div %c25, %c26 : f32
    %c28 = arith.constant 0x7F800000 : f32
    %v29 = flex.eq %v27, %c28 : f32
    %c30 = arith.constant 0.0 : f32
    %c31 = arith.constant 0.0 : f32
    %v32 = flex.floor_div %c30, %c31 : f32
    %v33 = flex.is_nan %v32 : f32 -> i1
    %v34 = flex.and %v4, %v9 : i1
    %v35 = flex.and %v34, %v14 : i1
    %v36 = flex.and %v35, %v19 : i1
    %v37 = flex.and %v36, %v24 : i1
    %v38 = flex.and %v37, %v29 : i1
    %v39 = flex.and %v38, %v33 : i1
    flex.yield %v39 : i1
  }
}
