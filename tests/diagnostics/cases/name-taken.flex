const tanh = 3
tensor KV: f32[H]
param score_mod: f32 = 1.0
H = 16
def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
