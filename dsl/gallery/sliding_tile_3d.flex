# Sliding tile attention on video: whole space-time tiles around the query's tile, and a text prompt behind the video.
# example: flexc run sliding_tile_3d --random 1,2,2,256,256,64,64 --const FRAMES=4 --const KERNEL_T=2 --const KERNEL_H=4
const FRAMES = 8
const CANVAS_H = 8
const CANVAS_W = 8
const KERNEL_T = 6
const KERNEL_H = 8
const KERNEL_W = 8
const TILE_T = 2
const TILE_H = 4
const TILE_W = 4
const TEXT = 0
assert FRAMES % TILE_T == 0 and CANVAS_H % TILE_H == 0 and CANVAS_W % TILE_W == 0, "tiles must fill the canvas"
assert KERNEL_T % TILE_T == 0 and KERNEL_H % TILE_H == 0 and KERNEL_W % TILE_W == 0, "the kernel is made of whole tiles"

def tile_of(idx):
    """Time, row and column of the tile that a token lies in."""
    rows, cols = CANVAS_H // TILE_H, CANVAS_W // TILE_W
    tile = idx // (TILE_T * TILE_H * TILE_W)
    return tile // (rows * cols), tile // cols % rows, tile % cols

def near(at, other, tiles, reach):
    before, after = reach // 2, (reach - 1) // 2
    centre = at.clamp(before, tiles - 1 - after)
    return (other >= centre - before) & (other <= centre + after)

def mask_mod(b, h, q_idx, kv_idx):
    video = FRAMES * CANVAS_H * CANVAS_W
    q_time, q_row, q_col = tile_of(q_idx)
    kv_time, kv_row, kv_col = tile_of(kv_idx)
    tiles = near(q_time, kv_time, FRAMES // TILE_T, KERNEL_T // TILE_T)
    tiles &= near(q_row, kv_row, CANVAS_H // TILE_H, KERNEL_H // TILE_H)
    tiles &= near(q_col, kv_col, CANVAS_W // TILE_W, KERNEL_W // TILE_W)
    both_video = (q_idx < video) & (kv_idx < video)
    return (kv_idx < video + TEXT) & (tiles | ~both_video)
