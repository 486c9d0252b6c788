# Block-sparse attention by choice: each tile of queries sees, causally, its own tile and the `TOP` tiles picked for it.
# example: flexc run topk_tiles --random 1,4,4,512,512,64,64 --const TILE=32
const TILE = 64
const TOP = 4
tensor chosen: i32[B, H, q_tiles, TOP]

def picked(b, h, q_idx, kv_idx):
    keep = q_idx // TILE == kv_idx // TILE
    for i in range(TOP):
        keep |= chosen[b, h, q_idx // TILE, i] == kv_idx // TILE
    return keep

def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx

mask_mod = and_masks(causal, picked)
