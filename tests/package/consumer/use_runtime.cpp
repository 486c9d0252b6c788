// A host of bundles: tensors, files and block masks, without the compiler.
#include <flexc/block_mask.h>
#include <flexc/io.h>

int main() {
  flexc::BlockMask shape;
  shape.q_len = shape.kv_len = 256;
  const flexc::BlockMask mask = flexc::brute_force_block_mask(shape, [](auto, auto, auto q_idx, auto kv_idx) { return q_idx >= kv_idx; });
  const flexc::Tensor tensor(flexc::f32, {2, 3});
  return mask.counts().partial == 2 && flexc::npy_bytes(tensor.view()).size() > 24 ? 0 : 1;
}
