# Several continuations of one prompt in one sequence: each sees the prompt and, causally, itself.
# example: flexc run shared_prefix --random 1,4,4,512,512,64,64
param prefix: i32 = 128
param length: i32 = 64

def mask_mod(b, h, q_idx, kv_idx):
    in_prompt = kv_idx < prefix
    same_branch = (q_idx - prefix) // length == (kv_idx - prefix) // length
    return (q_idx >= kv_idx) & (in_prompt | same_branch)
