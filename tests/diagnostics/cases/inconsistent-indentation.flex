def score_mod(score, b, h, q_idx, kv_idx):
    x = score
	return x

def mask_mod(b, h, q_idx, kv_idx):
    if h > 2:
            return True
       x = 1
    return q_idx >= kv_idx
