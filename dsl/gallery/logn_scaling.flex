# Causal with log-n scaling: queries beyond the training length sharpen their scores.
# example: flexc run logn_scaling --random 1,4,4,512,512,64,64 --param trained=128
param trained: i32 = 512

def score_mod(score, b, h, q_idx, kv_idx):
    sharper = torch.log(float(q_idx + 1)) / torch.log(float(trained))
    return score * torch.where(q_idx >= trained, sharper, 1.0)

def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
