// i32 forms fold to the low 32 bits of what the 64-bit operation gives on the sign-extended operands.
// RUN: flexc-opt "%s" --flexc-simplify | FileCheck "%s"

flex.variant {
  // CHECK-LABEL: flex.mask_mod
  // CHECK-NEXT: %[[TRUE:.*]] = arith.constant true
  // CHECK-NEXT: flex.yield %[[TRUE]] : i1
  flex.mask_mod(%b, %h, %q, %k) {
    %min = arith.constant -2147483648 : i32
    %max = arith.constant 2147483647 : i32
    %one = arith.constant 1 : i32
    %minus_one = arith.constant -1 : i32
    %zero = arith.constant 0 : i32
    %forty = arith.constant 40 : i32
    %sixty_four = arith.constant 64 : i32
    %0 = flex.add %max, %one : i32
    %e0 = flex.eq %0, %min : i32
    %1 = flex.floor_div %min, %minus_one : i32
    %e1 = flex.eq %1, %min : i32
    %2 = flex.abs %min : i32
    %e2 = flex.eq %2, %min : i32
    // A count modulo 64, as ever: 40 leaves nothing of the low half, 64 is 0.
    %3 = flex.shl %one, %forty : i32
    %e3 = flex.eq %3, %zero : i32
    %4 = flex.shr %min, %forty : i32
    %e4 = flex.eq %4, %minus_one : i32
    %5 = flex.shl %max, %sixty_four : i32
    %e5 = flex.eq %5, %max : i32
    %6 = flex.mod %max, %zero : i32
    %e6 = flex.eq %6, %zero : i32
    %7 = flex.not %max : i32
    %e7 = flex.eq %7, %min : i32
    // Identities, of the right width.
    %x = flex.to_i32 %q
    %8 = flex.sub %x, %x : i32
    %9 = flex.xor %8, %x : i32
    %e8 = flex.eq %9, %x : i32
    %true = arith.constant true
    %10 = flex.bool_to_int %true : i1 -> i32
    %e9 = flex.eq %10, %one : i32
    %a0 = flex.and %e0, %e1 : i1
    %a1 = flex.and %a0, %e2 : i1
    %a2 = flex.and %a1, %e3 : i1
    %a3 = flex.and %a2, %e4 : i1
    %a4 = flex.and %a3, %e5 : i1
    %a5 = flex.and %a4, %e6 : i1
    %a6 = flex.and %a5, %e7 : i1
    %a7 = flex.and %a6, %e8 : i1
    %a8 = flex.and %a7, %e9 : i1
    flex.yield %a8 : i1
  }
}
