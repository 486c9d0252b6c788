# Longformer: a window on both sides, and global tokens that see all and are seen by all.
# example: flexc run longformer --random 1,4,4,512,512,64,64 --param window=32
tensor is_global: bool[KV]
param window: i32 = 256

def mask_mod(b, h, q_idx, kv_idx):
    near = torch.abs(q_idx - kv_idx) <= window
    return near | is_global[q_idx] | is_global[kv_idx]
