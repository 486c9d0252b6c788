// RUN: flexc-opt "%s" --flexc-recognise-bands --flexc-simplify --split-input-file | FileCheck "%s"

// CHECK-LABEL: module {
// Causal needs no assumption: the limit saturates, and nothing is left of the mask.
// CHECK: flex.variant {
// CHECK-NEXT: flex.band(%b, %h, %q_idx) {
// CHECK-DAG: %[[LEAST:.*]] = arith.constant -9223372036854775808 : i64
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : i64
// CHECK-DAG: %[[TOP:.*]] = arith.constant 9223372036854775806 : i64
// CHECK: %[[Q:.*]] = flex.min %q_idx, %[[TOP]] : i64
// CHECK-NEXT: %[[END:.*]] = flex.add %[[Q]], %[[ONE]] : i64
// CHECK-NEXT: flex.yield %[[LEAST]], %[[END]] : i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.ge %q, %k : i64
    flex.yield %0 : i1
  }
}

// -----
// CHECK-LABEL: module {
// The same, written as not (q < kv) and as q - kv > -1: where nothing wraps, there is one limit.
// CHECK: flex.variant attributes {flex.assumes = ["positions"], flex.narrow} {
// CHECK: %[[END:.*]] = flex.add %q_idx, %{{.*}} : i64
// CHECK-NEXT: flex.yield %{{.*}}, %[[END]] : i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant attributes {flex.narrow} {
  flex.mask_mod(%b, %h, %q, %k) {
    %c-1 = arith.constant -1 : i64
    %0 = flex.lt %q, %k : i64
    %1 = flex.not %0 : i1
    %2 = flex.sub %q, %k : i64
    %3 = flex.gt %2, %c-1 : i64
    %4 = flex.and %1, %3 : i1
    flex.yield %4 : i1
  }
}

// -----
// CHECK-LABEL: module {
// A window, whose width is a param, in the narrow member.
// CHECK: flex.variant attributes {flex.assumes = ["positions", "params"], flex.narrow} {
// CHECK: %[[W:.*]] = flex.read @p0 : i64
// CHECK-NEXT: %[[END:.*]] = flex.add %q_idx, %{{.*}} : i64
// CHECK-NEXT: %[[START:.*]] = flex.sub %q_idx, %[[W]] : i64
// CHECK-NEXT: flex.yield %[[START]], %[[END]] : i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant attributes {flex.narrow} {
  flex.param @p0 : i32
  flex.mask_mod(%b, %h, %q, %k) {
    %w = flex.read @p0 : i64
    %0 = flex.ge %q, %k : i64
    %1 = flex.sub %q, %k : i64
    %2 = flex.le %1, %w : i64
    %3 = flex.and %0, %2 : i1
    flex.yield %3 : i1
  }
}

// -----
// CHECK-LABEL: module {
// The same in the wide member: q - kv may wrap, and the positions are an interval modulo 2^64.
// CHECK: flex.variant {
// CHECK: %[[START:.*]] = flex.sub %q_idx, %{{.*}} : i64
// CHECK: flex.yield %[[START]], %{{.*}}, %{{.*}}, %{{.*}} : i64, i64, i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant {
  flex.param @p0 : i32
  flex.mask_mod(%b, %h, %q, %k) {
    %w = flex.read @p0 : i64
    %0 = flex.ge %q, %k : i64
    %1 = flex.sub %q, %k : i64
    %2 = flex.le %1, %w : i64
    %3 = flex.and %0, %2 : i1
    flex.yield %3 : i1
  }
}

// -----
// CHECK-LABEL: module {
// |q - kv| <= 16.
// CHECK: flex.variant attributes {flex.assumes = ["positions"], flex.narrow} {
// CHECK-DAG: %[[MINUS:.*]] = arith.constant -16 : i64
// CHECK-DAG: %[[PLUS:.*]] = arith.constant 17 : i64
// CHECK-DAG: %[[START:.*]] = flex.add %q_idx, %[[MINUS]] : i64
// CHECK-DAG: %[[END:.*]] = flex.add %q_idx, %[[PLUS]] : i64
// CHECK: flex.yield %[[START]], %[[END]] : i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant attributes {flex.narrow} {
  flex.mask_mod(%b, %h, %q, %k) {
    %c16 = arith.constant 16 : i64
    %0 = flex.sub %q, %k : i64
    %1 = flex.abs %0 : i64
    %2 = flex.le %1, %c16 : i64
    flex.yield %2 : i1
  }
}

// -----
// CHECK-LABEL: module {
// A prefix of each batch, or the past: the union of two intervals without a start is one.
// CHECK: %[[P:.*]] = flex.gather @c0[%b] : i64
// CHECK: %[[END:.*]] = flex.max
// CHECK: flex.yield %{{.*}}, %[[END]] : i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant {
  flex.capture @c0 : i32[B]
  flex.mask_mod(%b, %h, %q, %k) {
    %p = flex.gather @c0[%b] : i64
    %0 = flex.lt %k, %p : i64
    %1 = flex.ge %q, %k : i64
    %2 = flex.or %0, %1 : i1
    flex.yield %2 : i1
  }
}

// -----
// CHECK-LABEL: module {
// Sinks beside a window: two intervals.
// CHECK: flex.yield %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : i64, i64, i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant attributes {flex.narrow} {
  flex.mask_mod(%b, %h, %q, %k) {
    %c4 = arith.constant 4 : i64
    %c100 = arith.constant 100 : i64
    %0 = flex.lt %k, %c4 : i64
    %1 = flex.sub %q, %k : i64
    %2 = flex.le %1, %c100 : i64
    %3 = flex.or %0, %2 : i1
    %4 = flex.ge %q, %k : i64
    %5 = flex.and %3, %4 : i1
    flex.yield %5 : i1
  }
}

// -----
// CHECK-LABEL: module {
// Blocks of 64: [q // 64 · 64, (q // 64 + 1) · 64).
// CHECK: %[[BLOCK:.*]] = flex.floor_div %q_idx, %[[C:.*]] : i64
// CHECK: %[[NEXT:.*]] = flex.add %[[BLOCK]], %{{.*}} : i64
// CHECK-DAG: %[[START:.*]] = flex.mul %[[BLOCK]], %[[C]] : i64
// CHECK-DAG: %[[END:.*]] = flex.mul %[[NEXT]], %[[C]] : i64
// CHECK: flex.yield %[[START]], %[[END]] : i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant attributes {flex.narrow} {
  flex.mask_mod(%b, %h, %q, %k) {
    %c64 = arith.constant 64 : i64
    %0 = flex.floor_div %q, %c64 : i64
    %1 = flex.floor_div %k, %c64 : i64
    %2 = flex.eq %0, %1 : i64
    flex.yield %2 : i1
  }
}

// -----
// CHECK-LABEL: module {
// Limits from captures of the row, and a choice by the head's type.
// CHECK: %[[LO:.*]] = flex.gather @c0[%q_idx] : i64
// CHECK: %[[LOCAL:.*]] = flex.gather @c1[%h] : i1
// CHECK: %[[START:.*]] = flex.select %[[LOCAL]], %[[LO]], %{{.*}} : i64
// CHECK: flex.yield %[[START]], %{{.*}} : i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant {
  flex.capture @c0 : i64[Q]
  flex.capture @c1 : i1[H]
  flex.mask_mod(%b, %h, %q, %k) {
    %true = arith.constant true
    %lo = flex.gather @c0[%q] : i64
    %local = flex.gather @c1[%h] : i1
    %0 = flex.ge %k, %lo : i64
    %1 = flex.select %local, %0, %true : i1
    flex.yield %1 : i1
  }
}

// -----
// CHECK-LABEL: module {
// Documents and causal: the documents stay.
// CHECK: flex.band(%b, %h, %q_idx) {
// CHECK: flex.mask_mod(%b, %h, %q_idx, %kv_idx) {
// CHECK-NEXT: %[[A:.*]] = flex.gather @c0[%q_idx] : i64
// CHECK-NEXT: %[[B:.*]] = flex.gather @c0[%kv_idx] : i64
// CHECK-NEXT: %[[SAME:.*]] = flex.eq %[[A]], %[[B]] : i64
// CHECK-NEXT: flex.yield %[[SAME]] : i1
flex.variant {
  flex.capture @c0 : i32[KV]
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.gather @c0[%q] : i64
    %1 = flex.gather @c0[%k] : i64
    %2 = flex.eq %0, %1 : i64
    %3 = flex.ge %q, %k : i64
    %4 = flex.and %2, %3 : i1
    flex.yield %4 : i1
  }
}

// -----
// CHECK-LABEL: module {
// Documents or causal: nothing can be said before the documents are looked at.
// CHECK: flex.variant {
// CHECK-NOT: flex.band
// CHECK: flex.mask_mod
flex.variant {
  flex.capture @c0 : i32[KV]
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.gather @c0[%q] : i64
    %1 = flex.gather @c0[%k] : i64
    %2 = flex.eq %0, %1 : i64
    %3 = flex.ge %q, %k : i64
    %4 = flex.or %2, %3 : i1
    flex.yield %4 : i1
  }
}

// -----
// CHECK-LABEL: module {
// Always true: no mask. Its score stays alone.
// CHECK: flex.variant {
// CHECK-NEXT: flex.score_mod
// CHECK-NOT: flex.band
// CHECK-NOT: flex.mask_mod
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    flex.yield %s : f32
  }
  flex.mask_mod(%b, %h, %q, %k) {
    %true = arith.constant true
    flex.yield %true : i1
  }
}

// -----
// CHECK-LABEL: module {
// Always false: an empty interval.
// CHECK: flex.band(%b, %h, %q_idx) {
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0 : i64
// CHECK-NEXT: flex.yield %[[ZERO]], %[[ZERO]] : i64, i64
// CHECK-NOT: flex.mask_mod
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %false = arith.constant false
    flex.yield %false : i1
  }
}

// -----
// CHECK-LABEL: module {
// Three intervals are too many, and a product of kv may wrap: both stay.
// CHECK: flex.variant {
// CHECK-NOT: flex.band
// CHECK: flex.mask_mod
flex.variant {
  flex.mask_mod(%b, %h, %q, %k) {
    %c3 = arith.constant 3 : i64
    %c10 = arith.constant 10 : i64
    %c20 = arith.constant 20 : i64
    %0 = flex.ne %k, %q : i64
    %1 = flex.ne %k, %c20 : i64
    %2 = flex.and %0, %1 : i1
    %3 = flex.ne %k, %c10 : i64
    %4 = flex.mul %k, %c3 : i64
    %5 = flex.lt %4, %q : i64
    %6 = flex.or %5, %3 : i1
    %7 = flex.or %2, %6 : i1
    flex.yield %7 : i1
  }
}
