# Multi-head latent attention: the rotary part of the score comes from separate, narrower queries and one shared key.
# example: flexc run mla_rope --random 1,4,1,128,128,64,64
tensor q_rope: f32[B, H, Q, R]
tensor k_rope: f32[B, 1, KV, R]
param rope_scale: f32 = 0.125

def score_mod(score, b, h, q_idx, kv_idx):
    return score + rope_scale * dot(q_rope[b, h, q_idx], k_rope[b, 0, kv_idx])
