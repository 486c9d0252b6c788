# Soft-capped logits: scores are squeezed smoothly into (-cap, cap).
# example: flexc run softcap --random 1,4,4,512,512,64,64 --param cap=20
param cap: f32 = 30.0

def score_mod(score, b, h, q_idx, kv_idx):
    return cap * torch.tanh(score / cap)
