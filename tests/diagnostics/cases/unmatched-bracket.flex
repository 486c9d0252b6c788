def score_mod(score, b, h, q_idx, kv_idx):
    x = (score + 1.0))
    return where(h > 2, score, x]
