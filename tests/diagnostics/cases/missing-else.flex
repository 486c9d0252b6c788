def score_mod(score, b, h, q_idx, kv_idx):
    return (score if h > 2) + 1.0
