def power(x, n):
    return 1.0 if n == 0 else x * power(x, n - 1)

def score_mod(score, b, h, q_idx, kv_idx):
    return power(score, 3)
