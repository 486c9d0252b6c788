def score_mod(score, b, h, q_idx, kv_idx):
    for scale in (1.0, 2.0):
        score = score * scale
    return score
