def score_mod(score, b, h, q_idx, kv_idx):
    count = 0
    def more(x):
        count += 1
        return x + count
    return score + more(1)
