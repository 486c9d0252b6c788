def mask_mod(b, h, q_idx, kv_idx):
    near = q_idx - kv_idx <= 3 | b == 0 & h < 2
    return near | (q_idx >= kv_idx & h <= 3)
