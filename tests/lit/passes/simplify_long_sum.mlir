// A sum of more terms than a linear form holds stays as it is written.
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s"

flex.variant {
  // CHECK-LABEL: flex.mask_mod
  flex.mask_mod(%b, %h, %q, %k) {
    %t0 = flex.mul %q, %k : i64
    %t1 = flex.mul %t0, %k : i64
    %t2 = flex.mul %t1, %k : i64
    %t3 = flex.mul %t2, %k : i64
    %t4 = flex.mul %t3, %k : i64
    %t5 = flex.mul %t4, %k : i64
    %t6 = flex.mul %t5, %k : i64
    %t7 = flex.mul %t6, %k : i64
    %t8 = flex.mul %t7, %k : i64
    %t9 = flex.mul %t8, %k : i64
    %t10 = flex.mul %t9, %k : i64
    %t11 = flex.mul %t10, %k : i64
    %t12 = flex.mul %t11, %k : i64
    %t13 = flex.mul %t12, %k : i64
    %t14 = flex.mul %t13, %k : i64
    %t15 = flex.mul %t14, %k : i64
    %t16 = flex.mul %t15, %k : i64
    %t17 = flex.mul %t16, %k : i64
    // In pairs: a chain would be too deep to be looked at.
    // CHECK-COUNT-17: flex.add
    // CHECK-NOT: flex.add
    %s0 = flex.add %t0, %t1 : i64
    %s1 = flex.add %t2, %t3 : i64
    %s2 = flex.add %t4, %t5 : i64
    %s3 = flex.add %t6, %t7 : i64
    %s4 = flex.add %t8, %t9 : i64
    %s5 = flex.add %t10, %t11 : i64
    %s6 = flex.add %t12, %t13 : i64
    %s7 = flex.add %t14, %t15 : i64
    %s8 = flex.add %t16, %t17 : i64
    %s9 = flex.add %s0, %s1 : i64
    %s10 = flex.add %s2, %s3 : i64
    %s11 = flex.add %s4, %s5 : i64
    %s12 = flex.add %s6, %s7 : i64
    %s13 = flex.add %s9, %s10 : i64
    %s14 = flex.add %s11, %s12 : i64
    %s15 = flex.add %s13, %s14 : i64
    %s16 = flex.add %s15, %s8 : i64
    // CHECK: flex.ge
    %keep = flex.ge %s16, %h : i64
    flex.yield %keep : i1
  }
}
