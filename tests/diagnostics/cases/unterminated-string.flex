"""A docstring.
def score_mod(score, b, h, q_idx, kv_idx):
    assert True, 'text
    return score
