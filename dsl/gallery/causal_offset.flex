# Causal against a cache: the queries of sequence b start at position offset[b].
# example: flexc run causal_offset --random 3,2,2,64,256,64,64
tensor offset: i32[B]

def mask_mod(b, h, q_idx, kv_idx):
    return q_idx + offset[b] >= kv_idx
