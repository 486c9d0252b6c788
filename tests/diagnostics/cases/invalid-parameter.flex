def f(a=1, c):
    return a

def g(if, 3):
    return 1

def k(a, *):
    return a

def score_mod(score, b, h, q_idx, kv_idx):
    return score
