const BIG = 2 ** 64

def mask_mod(b, h, q_idx, kv_idx):
    return q_idx < BIG
