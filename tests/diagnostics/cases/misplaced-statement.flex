if True:
    WIDTH = 3
for i in range(3):
    pass
N = 1
N += 1
return 3
def score_mod(score, b, h, q_idx, kv_idx):
    return score + WIDTH
