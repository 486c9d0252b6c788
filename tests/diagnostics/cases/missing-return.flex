def helper(x):
    y = x * 2.0

def score_mod(score, b, h, q_idx, kv_idx):
    return score
