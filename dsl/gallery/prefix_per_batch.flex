# Prefix language model in which each sequence of the batch has a prefix length of its own.
# example: flexc run prefix_per_batch --random 3,2,2,256,256,64,64
tensor prefix: i32[B]

def mask_mod(b, h, q_idx, kv_idx):
    return (kv_idx < prefix[b]) | (q_idx >= kv_idx)
