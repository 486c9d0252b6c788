# Sparse VideoGen, temporal heads: the same place in every frame, with the prompt seen by all and seeing all.
# example: flexc run video_temporal --random 1,2,2,320,320,64,64 --param prompt=32 --param frame=72
param prompt: i32 = 64
param frame: i32 = 120
param reach: i32 = 8

def mask_mod(b, h, q_idx, kv_idx):
    q_place = (q_idx - prompt) % frame
    kv_place = (kv_idx - prompt) % frame
    return (q_idx < prompt) | (kv_idx < prompt) | (torch.abs(q_place - kv_place) < reach)
