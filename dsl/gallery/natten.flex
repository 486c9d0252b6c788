# Neighbourhood attention (NATTEN) on a 2-D canvas in row order; the window never leaves the canvas.
# example: flexc run natten --random 1,2,2,256,256,64,64 --const WIDTH=16 --const HEIGHT=16
const WIDTH = 32
const HEIGHT = 32
const KERNEL_W = 7
const KERNEL_H = 7

def near(at, other, cells, kernel):
    centre = at.clamp(kernel // 2, cells - 1 - kernel // 2)
    return (centre - other).abs() <= kernel // 2

def mask_mod(b, h, q_idx, kv_idx):
    qx, qy = q_idx % WIDTH, q_idx // WIDTH
    kx, ky = kv_idx % WIDTH, kv_idx // WIDTH
    return near(qx, kx, WIDTH, KERNEL_W) & near(qy, ky, HEIGHT, KERNEL_H)
