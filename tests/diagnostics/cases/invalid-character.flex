def score_mod(score, b, h, q_idx, kv_idx):
    été = score
    x = sсore
    y = score − 1.0 × 2.0
    z = score + $3
    w = “text”
    return sc​ore + z + `y` ≤ 3
