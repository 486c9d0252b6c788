def score_mod(score, b, h, q_idx, kv_idx):
    return min(score, 1e999) + 1e-999
