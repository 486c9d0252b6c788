# The attention of every layer of the small decoder: ALiBi inside a causal sliding window.
tensor slopes: f32[H]
param window: i32

def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h] * (kv_idx - q_idx)

def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) & (q_idx - kv_idx < window)
