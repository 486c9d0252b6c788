def score_mod(score, b, h, q_idx, kv_idx):
    if h > 2:
        gain = 2.0
    return score * gain
