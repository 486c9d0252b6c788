# Queries and keys stored in 8 bits: scores are scaled back by one factor a head and one a key.
# example: flexc run dequantise --random 1,4,2,256,256,64,64
tensor q_scale: f32[B, H]
tensor k_scale: f32[B, HKV, KV]

def score_mod(score, b, h, q_idx, kv_idx):
    kv_head = h // (H // HKV)
    return score * q_scale[b, h] * k_scale[b, kv_head, kv_idx]
