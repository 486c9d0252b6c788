tensor a: [H]
tensor c[H]
param w = 3
param v
def score_mod(score, b, h, q_idx, kv_idx):
    return score
