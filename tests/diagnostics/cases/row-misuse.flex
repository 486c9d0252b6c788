tensor a: f32[Q, 64]

def mask_mod(b, h, q_idx, kv_idx):
    return a[q_idx] > 0.5
