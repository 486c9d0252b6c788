# Causal, and no further back than `window` tokens.
# example: flexc run sliding_window --random 1,4,4,512,512,64,64 --param window=128
param window: i32 = 1024

def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx

def recent(b, h, q_idx, kv_idx):
    return q_idx - kv_idx <= window

mask_mod = and_masks(causal, recent)
