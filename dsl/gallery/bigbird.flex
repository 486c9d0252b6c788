# BigBird: a window of blocks, a global first block, and a few random blocks for each block of queries.
# example: flexc run bigbird --random 1,4,4,512,512,64,64 --const BLOCK=32
const BLOCK = 64
const RANDOM = 3
tensor picked: i32[H, q_blocks, RANDOM]

def mask_mod(b, h, q_idx, kv_idx):
    q_block, kv_block = q_idx // BLOCK, kv_idx // BLOCK
    keep = (abs(q_block - kv_block) <= 1) | (q_block == 0) | (kv_block == 0)
    for i in range(RANDOM):
        keep |= picked[h, q_block, i] == kv_block
    return keep
