tensor slopes: f32[H, N]

def score_mod(score, b, h, q_idx, kv_idx):
    x = slopez[h] * 2.0
    y = tanhq(score)
    print(y)
    return x + y * kv_indx + wombat + wombat + N
