def score_mod(score, b, h, q_idx, kv_idx):
    if h > 3:
        return
    return score
