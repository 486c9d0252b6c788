def mask_mod(b, h, q_idx, kv_idx):
    a = q_idx => kv_idx && h =< 3 || b <> 1
    c = !a
    return a ? c : True
