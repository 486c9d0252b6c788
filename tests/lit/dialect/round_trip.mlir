// Every op, as text: parsed, printed, parsed and printed again.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" > "%t.once" && flexc-opt "%t.once" | diff "%t.once" -

// CHECK: flex.variant {
flex.variant {
  // CHECK-NEXT: flex.capture @c0 : f32 [H]
  flex.capture @c0 : f32[H]
  // CHECK-NEXT: flex.capture @c1 : bf16 [B, n0, 64]
  flex.capture @c1 : bf16[B, n0, 64]
  // CHECK-NEXT: flex.capture @c2 : ui8 [Q, KV]
  flex.capture @c2 : ui8[Q, KV]
  // CHECK-NEXT: flex.capture @c3 : i1 []
  flex.capture @c3 : i1[]
  // CHECK-NEXT: flex.capture @c4 : i64 [HKV, 8]
  flex.capture @c4 : i64[HKV, 8]
  // CHECK-NEXT: flex.param @p0 : i32
  flex.param @p0 : i32
  // CHECK-NEXT: flex.param @p1 : i1
  flex.param @p1 : i1
  // CHECK-NEXT: flex.fresh_dim @n0
  flex.fresh_dim @n0
  // CHECK-NEXT: flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) {
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK-NEXT: flex.dim KV
    %kv = flex.dim KV
    // CHECK-NEXT: flex.dim n0
    %n0 = flex.dim n0
    // CHECK-NEXT: flex.read @p0 : i64
    %p0 = flex.read @p0 : i64
    // CHECK-NEXT: flex.gather @c0[%h] : f32
    %g = flex.gather @c0[%h] : f32
    // CHECK-NEXT: flex.gather @c2[%q_idx, %kv_idx] : i64
    %byte = flex.gather @c2[%q, %k] : i64
    // CHECK-NEXT: flex.gather @c3[] : i1
    %flag = flex.gather @c3[] : i1
    // CHECK-NEXT: flex.gather_row @c1[%b, %q_idx] : !flex.row<f32 x 64>
    %row = flex.gather_row @c1[%b, %q] : !flex.row<f32 x 64>
    // CHECK-NEXT: flex.splat %score : !flex.row<f32 x 64>
    %splat = flex.splat %s : !flex.row<f32 x 64>
    // CHECK-NEXT: flex.gather_row @c4[%h] : !flex.row<i64 x 8>
    %ints = flex.gather_row @c4[%h] : !flex.row<i64 x 8>
    // CHECK-NEXT: flex.int_to_float %{{.*}} : !flex.row<i64 x 8> -> !flex.row<f32 x 8>
    %floats = flex.int_to_float %ints : !flex.row<i64 x 8> -> !flex.row<f32 x 8>
    // CHECK-NEXT: flex.float_to_int %{{.*}} : !flex.row<f32 x 8> -> !flex.row<i64 x 8>
    %back = flex.float_to_int %floats : !flex.row<f32 x 8> -> !flex.row<i64 x 8>
    // CHECK-NEXT: flex.row_index %{{.*}}[%kv_idx] : !flex.row<f32 x 64>
    %element = flex.row_index %row[%k] : !flex.row<f32 x 64>
    // CHECK-NEXT: flex.dot %{{.*}}, %{{.*}} : !flex.row<f32 x 64>
    %dot = flex.dot %row, %splat : !flex.row<f32 x 64>
    // CHECK-NEXT: flex.sum %{{.*}} : !flex.row<i64 x 8>
    %sum = flex.sum %ints : !flex.row<i64 x 8>
    // CHECK-NEXT: flex.row_min %{{.*}} : !flex.row<f32 x 64>
    %least = flex.row_min %row : !flex.row<f32 x 64>
    // CHECK-NEXT: flex.row_max %{{.*}} : !flex.row<f32 x 64>
    %greatest = flex.row_max %row : !flex.row<f32 x 64>
    // CHECK-NEXT: flex.reduce max n0 (%[[I:.*]]) {
    %reduced = flex.reduce max n0 (%i) {
      // CHECK-NEXT: flex.gather @c1[%b, %[[I]], %[[I]]] : f32
      %x = flex.gather @c1[%b, %i, %i] : f32
      // CHECK-NEXT: flex.yield %{{.*}} : f32
      flex.yield %x : f32
    // CHECK-NEXT: } : f32
    } : f32
    // CHECK-NEXT: flex.add %{{.*}}, %{{.*}} : i64
    %0 = flex.add %q, %k : i64
    // CHECK-NEXT: flex.sub
    %1 = flex.sub %0, %k : i64
    // CHECK-NEXT: flex.mul
    %2 = flex.mul %1, %k : i64
    // CHECK-NEXT: flex.floor_div
    %3 = flex.floor_div %2, %k : i64
    // CHECK-NEXT: flex.mod
    %4 = flex.mod %3, %k : i64
    // CHECK-NEXT: flex.min
    %5 = flex.min %4, %k : i64
    // CHECK-NEXT: flex.max
    %6 = flex.max %5, %k : i64
    // CHECK-NEXT: flex.neg
    %7 = flex.neg %6 : i64
    // CHECK-NEXT: flex.abs
    %8 = flex.abs %7 : i64
    // CHECK-NEXT: flex.sign
    %9 = flex.sign %8 : i64
    // CHECK-NEXT: flex.and
    %10 = flex.and %9, %k : i64
    // CHECK-NEXT: flex.or
    %11 = flex.or %10, %k : i64
    // CHECK-NEXT: flex.xor
    %12 = flex.xor %11, %k : i64
    // CHECK-NEXT: flex.not
    %13 = flex.not %12 : i64
    // CHECK-NEXT: flex.shl
    %14 = flex.shl %13, %k : i64
    // CHECK-NEXT: flex.shr
    %15 = flex.shr %14, %k : i64
    // CHECK-NEXT: flex.wrap_i32
    %16 = flex.wrap_i32 %15 : i64
    // CHECK-NEXT: flex.eq %{{.*}}, %{{.*}} : i64
    %17 = flex.eq %16, %k : i64
    // CHECK-NEXT: flex.ne %{{.*}}, %{{.*}} : f32
    %18 = flex.ne %s, %g : f32
    // CHECK-NEXT: flex.lt
    %19 = flex.lt %s, %g : f32
    // CHECK-NEXT: flex.le
    %20 = flex.le %s, %g : f32
    // CHECK-NEXT: flex.gt
    %21 = flex.gt %s, %g : f32
    // CHECK-NEXT: flex.ge
    %22 = flex.ge %s, %g : f32
    // CHECK-NEXT: flex.and %{{.*}}, %{{.*}} : i1
    %23 = flex.and %17, %18 : i1
    // CHECK-NEXT: flex.select %{{.*}}, %{{.*}}, %{{.*}} : i64
    %24 = flex.select %23, %16, %k : i64
    // CHECK-NEXT: flex.bool_to_int %{{.*}} : i1 -> i64
    %25 = flex.bool_to_int %23 : i1 -> i64
    // CHECK-NEXT: flex.int_to_float %{{.*}} : i64 -> f32
    %26 = flex.int_to_float %25 : i64 -> f32
    // CHECK-NEXT: flex.float_to_int %{{.*}} : f32 -> i64
    %27 = flex.float_to_int %26 : f32 -> i64
    // CHECK-NEXT: flex.is_nan %{{.*}} : f32 -> i1
    %28 = flex.is_nan %26 : f32 -> i1
    // CHECK-NEXT: flex.is_inf %{{.*}} : f32 -> i1
    %29 = flex.is_inf %26 : f32 -> i1
    // CHECK-NEXT: flex.div
    %30 = flex.div %26, %s : f32
    // CHECK-NEXT: flex.pow
    %31 = flex.pow %30, %s : f32
    // CHECK-NEXT: flex.floor
    %32 = flex.floor %31 : f32
    // CHECK-NEXT: flex.ceil
    %33 = flex.ceil %32 : f32
    // CHECK-NEXT: flex.round
    %34 = flex.round %33 : f32
    // CHECK-NEXT: flex.sqrt
    %35 = flex.sqrt %34 : f32
    // CHECK-NEXT: flex.rsqrt
    %36 = flex.rsqrt %35 : f32
    // CHECK-NEXT: flex.exp %
    %37 = flex.exp %36 : f32
    // CHECK-NEXT: flex.exp2
    %38 = flex.exp2 %37 : f32
    // CHECK-NEXT: flex.expm1
    %39 = flex.expm1 %38 : f32
    // CHECK-NEXT: flex.log %
    %40 = flex.log %39 : f32
    // CHECK-NEXT: flex.log2
    %41 = flex.log2 %40 : f32
    // CHECK-NEXT: flex.log1p
    %42 = flex.log1p %41 : f32
    // CHECK-NEXT: flex.sin
    %43 = flex.sin %42 : f32
    // CHECK-NEXT: flex.cos
    %44 = flex.cos %43 : f32
    // CHECK-NEXT: flex.tan %
    %45 = flex.tan %44 : f32
    // CHECK-NEXT: flex.tanh
    %46 = flex.tanh %45 : f32
    // CHECK-NEXT: flex.sigmoid
    %47 = flex.sigmoid %46 : f32
    // CHECK-NEXT: flex.erf
    %48 = flex.erf %47 : f32
    // CHECK-NEXT: flex.yield %{{.*}} : f32
    flex.yield %48 : f32
  }
  // CHECK: flex.affine_row(%b, %h, %q_idx, %kv_base, %kv_step) {
  flex.affine_row(%b, %h, %q, %base, %step) {
    %0 = flex.int_to_float %step : i64 -> f32
    // CHECK: flex.yield %{{.*}}, %{{.*}}, %{{.*}} : f32, f32, f32
    flex.yield %0, %0, %0 : f32, f32, f32
  }
  // CHECK: flex.band(%b, %h, %q_idx) {
  flex.band(%b, %h, %q) {
    %0 = flex.read @p0 : i64
    // CHECK: flex.yield %{{.*}}, %q_idx, %{{.*}}, %{{.*}} : i64, i64, i64, i64
    flex.yield %0, %q, %0, %0 : i64, i64, i64, i64
  }
  // CHECK: flex.mask_mod(%b, %h, %q_idx, %kv_idx) {
  flex.mask_mod(%b, %h, %q, %k) {
    %0 = flex.read @p1 : i1
    flex.yield %0 : i1
  }
}
