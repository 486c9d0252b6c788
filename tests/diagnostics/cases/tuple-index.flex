def score_mod(score, b, h, q_idx, kv_idx):
    gains = (1.0, 2.0)
    return score * gains[h]
