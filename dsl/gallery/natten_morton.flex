# Neighbourhood attention with tokens stored along a Z-order (Morton) curve over a square canvas.
# example: flexc run natten_morton --random 1,2,2,256,256,64,64 --const SIDE=16
const SIDE = 32
const KERNEL_W = 7
const KERNEL_H = 7

def even_bits(z):
    z = z & 0x55555555
    z = (z ^ (z >> 1)) & 0x33333333
    z = (z ^ (z >> 2)) & 0x0F0F0F0F
    z = (z ^ (z >> 4)) & 0x00FF00FF
    return (z ^ (z >> 8)) & 0x0000FFFF

def near(at, other, kernel):
    centre = at.clamp(kernel // 2, SIDE - 1 - kernel // 2)
    return (centre - other).abs() <= kernel // 2

def mask_mod(b, h, q_idx, kv_idx):
    same_columns = near(even_bits(q_idx), even_bits(kv_idx), KERNEL_W)
    same_rows = near(even_bits(q_idx >> 1), even_bits(kv_idx >> 1), KERNEL_H)
    return same_columns & same_rows
