def scoremod(score, b, h, q_idx, kv_idx):
    return score
