# Block diffusion (BD3-LM): noisy blocks in the first half see themselves and the clean blocks before them.
# example: flexc run block_diffusion --random 1,4,4,512,512,64,64 --param block=48
param block: i32 = 32

def mask_mod(b, h, q_idx, kv_idx):
    half = KV // 2
    q_clean, kv_clean = q_idx >= half, kv_idx >= half
    q_block = torch.where(q_clean, q_idx - half, q_idx) // block
    kv_block = torch.where(kv_clean, kv_idx - half, kv_idx) // block
    within_block = (q_block == kv_block) & (q_clean == kv_clean)
    clean_past = (q_block > kv_block) & kv_clean & ~q_clean
    clean_causal = (q_block >= kv_block) & kv_clean & q_clean
    return within_block | clean_past | clean_causal
