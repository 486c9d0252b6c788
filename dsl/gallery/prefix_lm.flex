# Prefix language model: the first `prefix` tokens are visible to all, the rest is causal.
# example: flexc run prefix_lm --random 1,4,4,512,512,64,64 --param prefix=100
param prefix: i32 = 256

def in_prefix(b, h, q_idx, kv_idx):
    return kv_idx < prefix

def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx

mask_mod = or_masks(in_prefix, causal)
