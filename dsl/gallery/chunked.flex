# Chunked causal attention (Llama 4): nothing is seen across the border of a chunk.
# example: flexc run chunked --random 1,4,4,512,512,64,64 --param chunk=100
param chunk: i32 = 1024

def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) & (q_idx // chunk == kv_idx // chunk)
