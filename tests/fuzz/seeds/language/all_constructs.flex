"""docstring"""
import torch, functools
from functools import partial
tensor t: f32[H]
tensor m: i32[n, 4]
param p: i32 = 0x10
param g: f32
const N = 2 ** 10 // 3
assert N > 3, f"{N}"
def outer(w, *, k=3):
    def inner(b, h, q_idx, kv_idx):
        x, y = q_idx // w, (kv_idx % k)
        return x <= y < 5 != (h == 0)
    return inner
def score_mod(score, b, h, q_idx, kv_idx):
    s: float = 0
    for i in range(1, 4, 2):
        s += t[h] * i if q_idx > kv_idx else -score.exp()
    if h == 0:
        return score
    elif h == 1: x = m[q_idx][1]; y = 2.5e-3
    else:
        x = y = 1_0
    return where(isnan(s), torch.tanh(score / 20.0), clamp(s, min=-1)) + x ** 2 + ~y + sum(m[h]) \
        - float("-inf") if False else 1
mask_mod = and_masks(outer(4), or_masks(lambda b, h, q, k: not q, partial(outer(2, k=5))))
if __name__ == "__main__":
    print("x")
