# Some heads look back over a window, the others over everything; which is which is data.
# example: flexc run head_type --random 1,8,8,256,256,64,64 --param window=32
tensor local: bool[H]
param window: i32 = 256

def mask_mod(b, h, q_idx, kv_idx):
    near = q_idx - kv_idx <= window
    return (q_idx >= kv_idx) & torch.where(local[h], near, True)
