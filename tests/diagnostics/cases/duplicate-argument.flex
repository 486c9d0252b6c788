def score_mod(score, b, h, q_idx, kv_idx):
    return clamp(score, min=1.0, min=2.0)
