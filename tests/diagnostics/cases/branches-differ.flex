def score_mod(score, b, h, q_idx, kv_idx):
    if h == 0:
        f = tanh
    else:
        f = sigmoid
    return f(score)
