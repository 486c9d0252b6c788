# ALiBi under a causal mask, as decoders use it.
# example: flexc run alibi_causal --random 1,8,8,256,256,64,64
tensor slopes: f32[H]

def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h] * (kv_idx - q_idx)

def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
