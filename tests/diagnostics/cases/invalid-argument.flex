def score_mod(score, b, h, q_idx, kv_idx):
    return clamp(score, min=1.0, 2.0) + clamp(score, if=3.0)
