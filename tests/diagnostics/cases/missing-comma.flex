def score_mod(score, b, h, q_idx, kv_idx):
    return where(q_idx >= kv_idx score, 0.0) + max(score 1.0)
