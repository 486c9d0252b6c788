def score_mod(score, b, h, q_idx, kv_idx):
    for i in range(4097):
        score = score * 1.5
    return score
