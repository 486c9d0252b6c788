def score_mod(score, b, h, q_idx, kv_idx):
    n = 0
    for i in range(70000):
        n += i
    return score + n
