  def mask_mod(b, h, q_idx, kv_idx):
      return q_idx >= kv_idx

def score_mod(score, b, h, q_idx, kv_idx):
    x = 1
        y = 2
    return score
