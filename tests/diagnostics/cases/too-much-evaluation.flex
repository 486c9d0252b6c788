def f0(n):
    return n + 1

def f1(n):
    return f0(n) + f0(n) + f0(n) + f0(n) + f0(n) + f0(n) + f0(n) + f0(n) + f0(n) + f0(n)

def f2(n):
    return f1(n) + f1(n) + f1(n) + f1(n) + f1(n) + f1(n) + f1(n) + f1(n) + f1(n) + f1(n)

def f3(n):
    return f2(n) + f2(n) + f2(n) + f2(n) + f2(n) + f2(n) + f2(n) + f2(n) + f2(n) + f2(n)

def f4(n):
    return f3(n) + f3(n) + f3(n) + f3(n) + f3(n) + f3(n) + f3(n) + f3(n) + f3(n) + f3(n)

def f5(n):
    return f4(n) + f4(n) + f4(n) + f4(n) + f4(n) + f4(n) + f4(n) + f4(n) + f4(n) + f4(n)

def f6(n):
    return f5(n) + f5(n) + f5(n) + f5(n) + f5(n) + f5(n) + f5(n) + f5(n) + f5(n) + f5(n)

def score_mod(score, b, h, q_idx, kv_idx):
    return score + f6(1)
