# Sparse VideoGen, spatial heads: nearby frames, with the prompt seen by all and seeing all.
# example: flexc run video_spatial --random 1,2,2,320,320,64,64 --param prompt=32 --param frame=72
param prompt: i32 = 64
param frame: i32 = 120
param reach: i32 = 2

def mask_mod(b, h, q_idx, kv_idx):
    near = torch.abs(q_idx - kv_idx) < reach * frame
    return (q_idx < prompt) | (kv_idx < prompt) | near
