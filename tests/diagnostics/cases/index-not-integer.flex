tensor slopes: f32[H]

def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h / 2]
