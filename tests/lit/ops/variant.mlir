// flex.variant: a variant: its declarations and its mods.
// RUN: flexc-opt "%s" | flexc-opt | FileCheck "%s"

// CHECK: flex.variant {
// CHECK-NEXT: }
flex.variant {
}
