# Causal generation on a batch that is padded on the left: the first `padding[b]` tokens do not exist.
# example: flexc run left_padding --random 3,2,2,256,256,64,64
tensor padding: i32[B]

def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) & (kv_idx >= padding[b])
