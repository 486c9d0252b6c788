# FlashMask: for each key, up to two intervals of queries that may not see it.
# example: flexc run flashmask --random 2,4,4,256,256,64,64
tensor lower_start: i32[B, KV]
tensor lower_end: i32[B, KV]
tensor upper_start: i32[B, KV]
tensor upper_end: i32[B, KV]

def mask_mod(b, h, q_idx, kv_idx):
    lower = (q_idx >= lower_start[b, kv_idx]) & (q_idx < lower_end[b, kv_idx])
    upper = (q_idx >= upper_start[b, kv_idx]) & (q_idx < upper_end[b, kv_idx])
    return ~(lower | upper)
