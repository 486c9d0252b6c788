tensor slopes: f32[H]
param slopes: f32 = 1.0

def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h]

def score_mod(score, b, h, q_idx, kv_idx):
    return score
