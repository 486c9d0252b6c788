def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx - kv_idx).bas() < 8
