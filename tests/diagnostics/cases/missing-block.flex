def score_mod(score, b, h, q_idx, kv_idx):
    if h > 2:
    score = 1.0
    return score

def mask_mod(b, h, q_idx, kv_idx):
