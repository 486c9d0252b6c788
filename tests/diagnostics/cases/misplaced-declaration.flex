def score_mod(score, b, h, q_idx, kv_idx):
    tensor slopes: f32[H]
    return score + slopes[h]
