# Swin: attention inside the square windows of a 2-D canvas, shifted by `SHIFT` cells.
# example: flexc run window_2d --random 1,2,2,256,256,64,64 --const WIDTH=16 --const WINDOW=8
const WIDTH = 32
const WINDOW = 8
const SHIFT = 4

def window_of(idx):
    return (idx % WIDTH + SHIFT) // WINDOW, (idx // WIDTH + SHIFT) // WINDOW

def mask_mod(b, h, q_idx, kv_idx):
    q_col, q_row = window_of(q_idx)
    kv_col, kv_row = window_of(kv_idx)
    return (q_col == kv_col) & (q_row == kv_row)
