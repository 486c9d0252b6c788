def score_mod(score, b, h, q_idx, kv_idx):
    """Scales the score."""
    score == 2.0
    tanh(score)
    return score
