# Plain softmax attention: the score stays as it is.
# example: flexc run noop --random 1,4,4,512,512,64,64
def score_mod(score, b, h, q_idx, kv_idx):
    return score
