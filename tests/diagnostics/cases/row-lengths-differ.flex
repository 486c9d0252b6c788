tensor a: f32[Q, 64]
tensor c: f32[KV, 32]

def score_mod(score, b, h, q_idx, kv_idx):
    return score + dot(a[q_idx], c[kv_idx])
