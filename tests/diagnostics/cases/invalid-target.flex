def score_mod(score, b, h, q_idx, kv_idx):
    True = 1
    f(score) = 2
    3 = h
    score + 1 = 2
    (x, 4) = (1, 2)
    h[0] = 1
    (x, y) += 1
    for 3 in range(2):
        pass
    return score
