def place(i):
    return i // 8, i % 8

def mask_mod(b, h, q_idx, kv_idx):
    x, y, z = place(q_idx)
    return x + y + z >= kv_idx
