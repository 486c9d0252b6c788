def wrap(f):
    return lambda x: f(x) + 1.0

def score_mod(score, b, h, q_idx, kv_idx):
    f = lambda x: x
    for i in range(250):
        f = wrap(f)
    return f(score)
