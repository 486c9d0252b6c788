param layers: i32 = 4

def score_mod(score, b, h, q_idx, kv_idx):
    for i in range(layers):
        score = score * 0.5
    return score
