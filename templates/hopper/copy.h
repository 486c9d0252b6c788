// The argument of the kernel that copies a tensor of 2-byte elements to where TMA can describe it, or back (copy_kernel.cuh). Plain C, no includes.
#pragma once

struct flexc_copy_arguments {
  const void* from;
  void* to;
  // Strides in elements of {row, head, batch}; columns lie beside each other.
  long long from_strides[3], to_strides[3];
  unsigned int columns, rows, heads, batches;
};
