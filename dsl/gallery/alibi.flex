# ALiBi: a penalty that grows with distance, with a slope of its own for each head.
# example: flexc run alibi --random 1,8,8,256,256,64,64
tensor slopes: f32[H]

def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h] * (kv_idx - q_idx)
