# A token attends to itself and to what came before it.
# example: flexc run causal --random 1,4,4,512,512,64,64
def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
