def score_mod(score, b, h, q_idx, kv_idx):
    x = where(h > 2, (score + 1.0, 2.0)
    return x

def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx
