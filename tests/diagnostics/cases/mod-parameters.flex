def score_mod(score, b, h, q_idx):
    return score

def mask_mod(score, b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
