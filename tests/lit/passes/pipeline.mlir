// What no pass can do alone.
// RUN: flexc-opt "%s" --flexc-pipeline --split-input-file | FileCheck "%s"

// As imported, everything that was written twice is there twice. Once the first simplify has made one value of equal ones,
// propagate-equalities reads the row's document for the column's, and the offset of every column is gone: it is the band's, and
// the documents are all that is left to ask of a pair.
// CHECK-LABEL: flex.band
// CHECK: %[[DOC:.*]] = flex.gather @c0[%q_idx] : i64
// CHECK-NEXT: flex.gather @c1[%[[DOC]]] : i64
// CHECK-NOT: flex.gather
// CHECK: flex.mask_mod
// CHECK-COUNT-2: flex.gather @c0
// CHECK-NOT: flex.gather
// CHECK: flex.yield
flex.variant {
  flex.capture @c0 : i32[KV]
  flex.capture @c1 : i32[n0]
  flex.fresh_dim @n0
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.gather @c0[%q] : i64
    %1 = flex.gather @c0[%k] : i64
    %same = flex.eq %0, %1 : i64
    %2 = flex.gather @c0[%q] : i64
    %3 = flex.gather @c1[%2] : i64
    %4 = flex.gather @c0[%k] : i64
    %5 = flex.gather @c1[%4] : i64
    %6 = flex.sub %q, %3 : i64
    %7 = flex.sub %k, %5 : i64
    %8 = flex.ge %6, %7 : i64
    %9 = flex.and %same, %8 : i1
    flex.yield %9 : i1
  }
}

// -----
// An element of a row is selected by whether its index is in range. Where the second simplify has decided that, the score is affine.
// CHECK-LABEL: flex.score_mod
// CHECK-SAME: flex.score_class = "affine"
// CHECK: flex.affine_row
flex.variant {
  flex.capture @c0 : i32[H, 8]
  flex.score_mod(%s, %b, %h, %q, %k) {
    %zero = arith.constant 0 : i64
    %row = flex.gather_row @c0[%h] : !flex.row<i64 x 8>
    %columns = flex.splat %k : !flex.row<i64 x 8>
    %sums = flex.add %row, %columns : !flex.row<i64 x 8>
    %0 = flex.row_index %sums[%zero] : !flex.row<i64 x 8>
    %1 = flex.int_to_float %0 : i64 -> f32
    %2 = flex.add %s, %1 : f32
    flex.yield %2 : f32
  }
}
