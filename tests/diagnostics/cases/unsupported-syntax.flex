class Bias:
    gain = 2.0

async def f(x):
    return x

def g(*args, **options):
    return 1

def score_mod(score, b, h, q_idx, kv_idx):
    while h > 2:
        h = h - 1
    else:
        h = 1
    with torch.no_grad() as guard:
        pass
    try:
        w = 1.0 / h
    except ZeroDivisionError:
        w = 0.0
    finally:
        w = 2.0
    global counter
    nonlocal counter
    raise ValueError("no")
    del w
    yield score
    for i in range(3):
        break
        continue
    else:
        pass
    match h:
        case 1:
            pass
    a = [1, 2]
    c = [x for x in range(3)]
    d = {1: 2}
    e = sum(x for x in range(3))
    f1 = f"{h}"
    f2 = b"h"
    f3 = h is None
    f4 = h in (1, 2)
    f5 = h not in (1, 2)
    f6 = h @ h
    f7 = ...
    f8 = max(*h)
    f9 = max(**h)
    *f10, f11 = h, h
    f12 = (y := 3)
    f13 = h[1:2]
    f14 = await h
    return score
