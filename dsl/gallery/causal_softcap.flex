# Soft-capped logits under a causal mask, as in Gemma 2's global layers.
# example: flexc run causal_softcap --random 1,4,2,512,512,64,64
param cap: f32 = 50.0

def score_mod(score, b, h, q_idx, kv_idx):
    return cap * torch.tanh(score / cap)

def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
