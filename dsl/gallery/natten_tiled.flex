# Neighbourhood attention with tokens stored tile by tile, so that more of a block is kept or removed as a whole.
# example: flexc run natten_tiled --random 1,2,2,256,256,64,64 --const WIDTH=16 --const HEIGHT=16
const WIDTH = 32
const HEIGHT = 32
const KERNEL_W = 7
const KERNEL_H = 7
const TILE_W = 8
const TILE_H = 8
assert WIDTH % TILE_W == 0 and HEIGHT % TILE_H == 0, "tiles must fill the canvas"

def place(idx):
    """Column and row of a token: tiles in row order, row order within a tile."""
    tile, inside = idx // (TILE_W * TILE_H), idx % (TILE_W * TILE_H)
    tiles_a_row = WIDTH // TILE_W
    x = tile % tiles_a_row * TILE_W + inside % TILE_W
    y = tile // tiles_a_row * TILE_H + inside // TILE_W
    return x, y

def near(at, other, cells, kernel):
    centre = at.clamp(kernel // 2, cells - 1 - kernel // 2)
    return (centre - other).abs() <= kernel // 2

def mask_mod(b, h, q_idx, kv_idx):
    qx, qy = place(q_idx)
    kx, ky = place(kv_idx)
    return near(qx, kx, WIDTH, KERNEL_W) & near(qy, ky, HEIGHT, KERNEL_H)
