def score_mod(score, b, h, q_idx, kv_idx):
    if h > 2
        score = 1.0
    elif h == 1 score = 2.0
    else if h == 3:
        score = 3.0
    return score
