def score_mod(score, b, h, q_idx, kv_idx):
    x = score +
    y = score * * 2
    h++
    retrun score
    z = score and
    for i range(3):
        z = 1
    a == not b
    return score

def 3():
    return 1

else:
    pass
