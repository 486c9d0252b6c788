param window: i32 = 1.5

def mask_mod(b, h, q_idx, kv_idx):
    return q_idx - kv_idx < window
