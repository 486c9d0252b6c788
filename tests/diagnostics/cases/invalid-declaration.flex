const A: i32 = 3
const B2
tensor t: f32[H] = 3
param p: f32[H] = 1.0
param q f32
const if = 3
def score_mod(score, b, h, q_idx, kv_idx):
    return score
