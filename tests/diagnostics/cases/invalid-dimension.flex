tensor a: f32["H"]
tensor c: f32[-1, 2.5, H * 2]
tensor d: f32[99999999999999999999]
tensor e: f32
tensor f: f32[1, 1, 1, 1, 1, 1, 1, 1, 1]
def score_mod(score, b, h, q_idx, kv_idx):
    return score
