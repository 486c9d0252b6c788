tensor slopes: f99[H]
param window: i32 = 64

def score_mod(score, b, h, q_idx, kv_idx):
    x = score +
    return score + (wombat + kv_indx

def mask_mod(b, h, q_idx, kv_idx):
    return q_idx - kv_idx < widnow
