const N = -4
tensor t: f32[N]

def score_mod(score, b, h, q_idx, kv_idx):
    return score + t[h]
