# Forgetting transformer: data-dependent decay, as differences of a running sum of log forget gates.
# example: flexc run forgetting --random 1,4,4,256,256,64,64
tensor log_gates: f32[B, H, KV]

def score_mod(score, b, h, q_idx, kv_idx):
    return score + (log_gates[b, h, q_idx] - log_gates[b, h, kv_idx])

def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
