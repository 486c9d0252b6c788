def score_mod(score, b, h, q_idx, kv_idx):
    x = 1.2.3 + 1e + 0x + 0b12
    y = 1__0 + 010 + 0o17 + 2j + 3abc + 1.0f
    return score
