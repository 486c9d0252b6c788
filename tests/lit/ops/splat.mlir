// flex.splat: a row of equal elements, which needs no row once expanded.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"
// RUN: flexc-opt "%s" --flexc-expand-rows | FileCheck "%s" --check-prefix=EXPANDED

flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    // CHECK: flex.splat %score : !flex.row<f32 x 8>
    // EXPANDED-NOT: flex.splat
    // EXPANDED: flex.reduce max 8
    // EXPANDED-NEXT: flex.yield %score : f32
    %0 = flex.splat %s : !flex.row<f32 x 8>
    %1 = flex.row_max %0 : !flex.row<f32 x 8>
    flex.yield %1 : f32
  }
}
