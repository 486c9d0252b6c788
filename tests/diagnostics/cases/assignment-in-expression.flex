def mask_mod(b, h, q_idx, kv_idx):
    if q_idx = kv_idx:
        return True
    return where(q_idx > 3, h = 2, (b = 1))
