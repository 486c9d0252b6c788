# Speculative decoding: draft tokens see the whole past, and of each other only their ancestors in the tree.
# example: flexc run draft_tree --random 1,4,4,64,320,64,64
tensor ancestor: bool[Q, Q]

def mask_mod(b, h, q_idx, kv_idx):
    past = KV - Q
    return (kv_idx < past) | ancestor[q_idx, kv_idx - past]
