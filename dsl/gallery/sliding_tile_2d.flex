# Sliding tile attention on an image: whole tiles around the query's tile, and a text prompt behind the image.
# example: flexc run sliding_tile_2d --random 1,2,2,272,272,64,64 --const CANVAS_H=16 --const CANVAS_W=16 --const TEXT=16
const CANVAS_H = 32
const CANVAS_W = 32
const KERNEL_H = 12
const KERNEL_W = 12
const TILE_H = 4
const TILE_W = 4
const TEXT = 0
assert CANVAS_H % TILE_H == 0 and CANVAS_W % TILE_W == 0, "tiles must fill the canvas"
assert KERNEL_H % TILE_H == 0 and KERNEL_W % TILE_W == 0, "the kernel is made of whole tiles"

def sliding_tiles(rows, cols, reach_h, reach_w):
    image = CANVAS_H * CANVAS_W

    def tile_of(idx):
        tile = idx // (TILE_H * TILE_W)
        return tile // cols, tile % cols

    def near(at, other, tiles, reach):
        before, after = reach // 2, (reach - 1) // 2
        centre = at.clamp(before, tiles - 1 - after)
        return (other >= centre - before) & (other <= centre + after)

    def keep(b, h, q_idx, kv_idx):
        q_row, q_col = tile_of(q_idx)
        kv_row, kv_col = tile_of(kv_idx)
        tiles = near(q_row, kv_row, rows, reach_h) & near(q_col, kv_col, cols, reach_w)
        exists = kv_idx < image + TEXT
        both_image = (q_idx < image) & (kv_idx < image)
        return exists & (tiles | ~both_image)

    return keep

mask_mod = sliding_tiles(CANVAS_H // TILE_H, CANVAS_W // TILE_W, KERNEL_H // TILE_H, KERNEL_W // TILE_W)
