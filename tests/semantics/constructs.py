"""Programs for test_constructs.py: one for each way in which the language says "as in Python"."""

# Name → text, valid in both. Captures: t f32[8], m i64[4, 3], flag bool[8], doc i32[32]; B H HKV Q KV = 2 4 2 32 32.
PROGRAMS = {
    "closure": """
def outer(n):
    scale = n * 2
    def inner(x):
        return x * scale + n
    return inner
f = outer(3)
g = outer(5)
def score_mod(score, b, h, q_idx, kv_idx):
    return score + f(q_idx) - g(kv_idx)
""",
    "late binding in a loop": """
def score_mod(score, b, h, q_idx, kv_idx):
    i = 0
    def f(x):
        return x * i
    total = 0
    for i in range(4):
        total += f(q_idx)
    i = 10
    return score + total + f(kv_idx)
""",
    "late binding of lambdas made in a loop": """
def make():
    f = lambda x: x
    g = lambda x: x
    for i in range(3):
        if i == 0:
            f = lambda x: x + i * 100
        if i == 1:
            g = lambda x, i=i: x + i * 100
    return f, g
f, g = make()
def score_mod(score, b, h, q_idx, kv_idx):
    return score + f(q_idx) * 3 + g(kv_idx)
""",
    "a def used before it stands": """
def mask_mod(b, h, q_idx, kv_idx):
    return later(q_idx) >= kv_idx
def later(x):
    return helper(x) + 1
def helper(x):
    return x // 2
""",
    "a top-level constant that a function reads": """
width = 3
def near(q, k):
    return q - k <= width
def mask_mod(b, h, q_idx, kv_idx):
    return near(q_idx, kv_idx)
""",
    "defaults and keywords": """
def mix(a, b=2, *, c=3, d=-1):
    return a * 1000 + b * 100 + c * 10 + d
def score_mod(score, b, h, q_idx, kv_idx):
    return score + mix(q_idx) + mix(kv_idx, 4) + mix(d=h, a=b) + mix(1, c=q_idx, b=7)
""",
    "a default is evaluated once, where the def stands": """
n = 4
def f(x, size=n * 2):
    return x + size
def score_mod(score, b, h, q_idx, kv_idx):
    n = 100
    return score + f(q_idx) + n
""",
    "functions as arguments and results": """
def twice(f):
    def g(x):
        return f(f(x))
    return g
def add3(x):
    return x + 3
def score_mod(score, b, h, q_idx, kv_idx):
    return score + twice(add3)(q_idx) + twice(twice(add3))(kv_idx) + twice(lambda x: x * 2)(h)
""",
    "lambda with defaults and closures": """
base = 7
f = lambda x, y=2: x * base + y
def score_mod(score, b, h, q_idx, kv_idx):
    g = lambda: q_idx - kv_idx
    return score + f(q_idx) + f(kv_idx, y=9) + g()
""",
    "partial": """
from functools import partial
import functools
def window(size, shift, b, h, q, k):
    return q - k + shift <= size
narrow = partial(window, 4)
mask_mod = functools.partial(narrow, 1)
""",
    "partial with keywords": """
from functools import partial
def f(x, a=1, c=2):
    return x * 100 + a * 10 + c
g = partial(f, c=9)
def score_mod(score, b, h, q_idx, kv_idx):
    return score + g(q_idx) + g(kv_idx, a=4) + g(h, c=5)
""",
    "tuples": """
def place(i):
    return i // 4, i % 4
def swap(p):
    x, y = p
    return y, x
def score_mod(score, b, h, q_idx, kv_idx):
    x, y = place(q_idx)
    (u, v), w = swap(place(kv_idx)), h
    x, y = y, x
    pair = (x, y)
    first, (second, third) = u, (v, w)
    return score + x * 1000 + y * 100 + first * 10 + second + third + pair[0] - pair[1] + pair[-1]
""",
    "tuple constants and defaults": """
const SHAPE = (4, 6)
sizes = (1, (2, 3))
def f(x, dims=SHAPE):
    w, h = dims
    return x * w + h
def score_mod(score, b, h, q_idx, kv_idx):
    a, (c, d) = sizes
    return score + f(q_idx) + f(kv_idx, (a, c)) + d + sizes[1][0]
""",
    "chained assignment and annotations": """
def score_mod(score: float, b: int, h, q_idx, kv_idx) -> float:
    \"\"\"A docstring.\"\"\"
    a = c = q_idx + 1
    d: int = 3
    a += 5
    return score + a * c + d
""",
    "augmented assignments": """
def score_mod(score, b, h, q_idx, kv_idx):
    x = q_idx + 3
    x += kv_idx
    x -= 2
    x *= 3
    x //= 2
    x %= 50
    x <<= 2
    x >>= 1
    x &= 0xFF
    x |= 0b1000
    x ^= 5
    y = score
    y /= 4
    y **= 2
    return x + y
""",
    "loops": """
def score_mod(score, b, h, q_idx, kv_idx):
    total = 0
    for i in range(5):
        for j in range(i, 10, 3):
            total = total + i * j * q_idx - kv_idx
    for k in range(6, -2, -2):
        total += k * h
    for unused in range(0):
        total = 999
    return score + total + i + j + k
""",
    "the loop variable can be rebound": """
def score_mod(score, b, h, q_idx, kv_idx):
    s = 0
    for i in range(4):
        i = i * i
        s = s * 3 + i
    return score + s + i
""",
    "branches at run time": """
def score_mod(score, b, h, q_idx, kv_idx):
    if q_idx > kv_idx:
        w = 1
        if h > 1:
            w = w + 10
        else:
            w = w + 20
        v = w * 2
    elif q_idx == kv_idx:
        w = 5
        v = h
    else:
        w, v = kv_idx, q_idx
    return score + w * 1000 + v
""",
    "early returns": """
def bucket(d):
    if d < 0:
        return 0
    if d < 4:
        return d
    if d < 16:
        if d % 2 == 0:
            return 4 + d // 2
        d = d + 1
    else:
        return 30
    return 40 + d
def score_mod(score, b, h, q_idx, kv_idx):
    return score + bucket(q_idx - kv_idx)
""",
    "a branch that returns need not assign": """
def score_mod(score, b, h, q_idx, kv_idx):
    if h == 0:
        return score
    elif h == 1:
        x = q_idx
    else:
        x = kv_idx
    return score + x
""",
    "branches on constants are taken": """
const DEEP = 3
def score_mod(score, b, h, q_idx, kv_idx):
    if DEEP > 2:
        x = q_idx
    else:
        x = (1, 2, 3)
    if False:
        return score
    y = x if DEEP == 3 else (1, 2)
    if DEEP == 2 or DEEP == 3:
        return score + y
    return (4, 5)
""",
    "returns inside loops": """
def first(x):
    for i in range(6):
        if x <= i * i:
            return i
    return 99
def score_mod(score, b, h, q_idx, kv_idx):
    return score + first(q_idx) * 100 + first(kv_idx)
""",
    "conditional expressions": """
def score_mod(score, b, h, q_idx, kv_idx):
    x = 1 if q_idx > kv_idx else 2 if q_idx == kv_idx else 3 if h > 2 else 4
    y = (5 if b == 0 else 6) if h == 0 else (7 if b == 0 else 8)
    return score * x + y + (x if not q_idx > 3 else y)
""",
    "chained comparisons": """
def mask_mod(b, h, q_idx, kv_idx):
    return (0 <= q_idx - kv_idx < 8) | (q_idx < kv_idx > 20) | (1 < h < 3 != q_idx == kv_idx)
""",
    "a chain evaluates its middle once": """
def mask_mod(b, h, q_idx, kv_idx):
    n = 0
    return n <= (q_idx * 3 - kv_idx) % 7 <= 4 <= 5
""",
    "boolean operators": """
def mask_mod(b, h, q_idx, kv_idx):
    x = q_idx > 3 and kv_idx > 3 or not h == 1 and b == 0
    y = not (q_idx > kv_idx or h > 2)
    return x and not y or (x ^ y) & True
""",
    "precedence": """
def score_mod(score, b, h, q_idx, kv_idx):
    q = q_idx + 1
    k = kv_idx + 2
    x = -q ** 2 + 2 ** 3 ** 2 - 2 * 3 % 4 // 1 + q * -k
    y = q | k ^ h & 3 << 1 + 1 >> 1
    z = -q // 3 + -q % 3 - - -k + ~q * 2
    u = 7 - 3 - 2 - q
    v = 100 // 7 // 2 * 3 % 5
    return score + x + y + z + u + v
""",
    "shadowing of built-ins, symbols and parameters": """
def f(min, H):
    return min * H
def score_mod(score, b, h, q_idx, kv_idx):
    abs = q_idx - 2
    KV = 3
    def kv_idx2(b):
        b = b + 1
        return b * KV
    return score + f(abs, 5) + kv_idx2(h) + b
""",
    "declaration words as names": """
tensor = 3
def param(const):
    return const + tensor
def score_mod(score, b, h, q_idx, kv_idx):
    const = 5
    return score + param(q_idx) + const
""",
    "renamed parameters": """
def score_mod(s, batch, head, q, k):
    return s * 2 + batch * 1000 + head * 100 + q * 10 + k
def mask_mod(k, q, head, batch):
    return head - batch >= k - q
""",
    "problem symbols": """
def score_mod(score, b, h, q_idx, kv_idx):
    return score + B * 10000 + H * 1000 + HKV * 100 + Q - KV + h // (H // HKV)
""",
    "gathers": """
tensor t: f32[8]
tensor m: i64[4, 3]
def score_mod(score, b, h, q_idx, kv_idx):
    row = m[h]
    return score + t[q_idx] + t[kv_idx - 20] + m[h, 1] + m[h][2] + row[0] + m[q_idx, b] + m[-1, -1] + t[2]
""",
    "rows": """
tensor m: i64[4, 3]
def score_mod(score, b, h, q_idx, kv_idx):
    return score + dot(m[h], m[q_idx % 4]) + sum(m[kv_idx % 4]) + max(m[h]) - min(m[h])
""",
    "captures as arguments": """
tensor t: f32[8]
tensor m: i64[4, 3]
def pick(table, i):
    return table[i]
def score_mod(score, b, h, q_idx, kv_idx):
    u = t
    return score + pick(t, h) + pick(m, h)[1] + u[3]
""",
    "documents": """
tensor doc: i32[32]
def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
def within(inner):
    def keep(b, h, q_idx, kv_idx):
        return (doc[q_idx] == doc[kv_idx]) & inner(b, h, q_idx, kv_idx)
    return keep
mask_mod = within(causal)
""",
    "composition of masks": """
def causal(b, h, q, k):
    return q >= k
def window(n):
    return lambda b, h, q, k: abs(q - k) <= n
def sinks(b, h, q, k):
    return k < 2
mask_mod = or_masks(and_masks(causal, window(4)), and_masks(sinks, causal), and_masks(window(0)))
""",
    "constants": """
const A = 2 ** 70 // 3 % 1000
B2 = A * 3 - 7 // -2
C = -7 % 3 + (-7 // 2) * 10 + (7 % -3) * 100
D = 0xFF + 0b101 + 1_000_000 % 7
E = 3 if A > 5 else 4
W = (1 << 40 | 3) >> 38
G = abs(-5) + min(3, 1, 2) + max(4, 9, 2)
L = True + 2 * False
def score_mod(score, b, h, q_idx, kv_idx):
    return score + A + B2 * 2 + C * 3 + D + E + W + G + L + q_idx
""",
    "large compile-time integers": """
const HUGE = 3 ** 100
const BACK = HUGE // 3 ** 97 - (HUGE * HUGE) % 1000 + (HUGE >> 150 if False else 1)
def score_mod(score, b, h, q_idx, kv_idx):
    n = 2 ** 64
    return score + BACK + n // 2 ** 60 + (n - 1) % 97 + q_idx + (-n // 7) % 1000
""",
    "compile-time floats": """
const X = 0.1 + 0.2
const Y = 1 / 3 * 3 + 7 / 2
const Z = 7.5 // 2 + -7.5 % 2 + 2.0 ** 10 + 1e3
def score_mod(score, b, h, q_idx, kv_idx):
    return score + floor(X * 1000000) + Y * 2 + Z + round(2.5) + round(3.5) + round(-0.5) + int(3.99) + int(-3.99) + ceil(2.1)
""",
    "asserts on constants": """
const N = 8
assert N % 2 == 0, "N must be even"
def halves(n):
    assert n == 8, f"not {n}"
    return n // 2
def score_mod(score, b, h, q_idx, kv_idx):
    assert halves(N) == 4
    return score + halves(N)
""",
    "one-line bodies, semicolons, continuations": """
def f(x): return x + 1
def g(x): y = x * 2; return y - 1;
def score_mod(score, b, h, q_idx, kv_idx):
    x = q_idx + \\
        kv_idx
    if x > 10: x = 10
    elif x < 2: x = 2
    else: pass
    for i in range(2): x += i; x += 1
    return (score +
            f(x)   # a comment
            - g(h))
""",
    "ignored host code": """
\"\"\"A module's docstring.\"\"\"
import functools
def score_mod(score, b, h, q_idx, kv_idx):
    'text'
    return score + q_idx
score_mod.__name__ = f"score_{1 + 1}"
if __name__ == "__never__":
    print("nothing")
""",
    "booleans as numbers": """
def score_mod(score, b, h, q_idx, kv_idx):
    x = (q_idx > kv_idx) + (h > 1) * 10 - (b == 0)
    y = True + q_idx
    z = -(q_idx > 2)
    return score + x * 100 + y + z + ((q_idx > 2) == True) + ((h > 2) == 1)
""",
    "methods written as functions": """
def score_mod(score, b, h, q_idx, kv_idx):
    return score + clamp(q_idx, 2, 9) + clamp(kv_idx, min=4) + clamp(h, max=2) + sign(q_idx - kv_idx) + abs(kv_idx - q_idx) + minimum(q_idx, 7) + maximum(b, 1)
""",
    "elementary functions": """
def score_mod(score, b, h, q_idx, kv_idx):
    x = score / 4
    return math.tanh(x) + math.exp(-abs(x)) + math.sqrt(abs(x)) + sigmoid(x) + math.sin(x) * math.cos(x) + math.log(1.0 + abs(x)) + math.pi + math.e
""",
    "nested functions three deep": """
def a(x):
    p = x + 1
    def b(y):
        q = p * y
        def c(z):
            return q + z * p + x
        return c(q) + c(1)
    return b(2) + b(x)
def score_mod(score, b, h, q_idx, kv_idx):
    return score + a(h) + a(q_idx % 5)
""",
    "a nested def that captures a rebound name": """
def score_mod(score, b, h, q_idx, kv_idx):
    x = 1
    def f():
        return x * 10
    y = f()
    x = q_idx
    return score + y + f()
""",
    "NATTEN": """
def natten(cw, kw):
    def place(i):
        return i // cw, i % cw
    def keep(b, h, q_idx, kv_idx):
        qx, qy = place(q_idx)
        kx, ky = place(kv_idx)
        cx = clamp(qx, kw // 2, 5 - kw // 2)
        cy = clamp(qy, kw // 2, cw - 1 - kw // 2)
        return (abs(cx - kx) <= kw // 2) & (abs(cy - ky) <= kw // 2)
    return keep
mask_mod = natten(6, 3)
""",
}

# Pairs of programs (bodies of a mask_mod or score_mod over score b h q_idx kv_idx) that must mean the same.
SAME = [
    ("score", "q_idx.clamp(2, 9)", "clamp(q_idx, 2, 9)"),
    ("score", "q_idx.clamp(min=2)", "max(q_idx, 2)"),
    ("score", "q_idx.clamp(max=9)", "min(q_idx, 9)"),
    ("score", "torch.clamp(q_idx, min=2, max=9)", "min(max(q_idx, 2), 9)"),
    ("score", "(q_idx - kv_idx).abs()", "abs(q_idx - kv_idx)"),
    ("score", "score.exp().log1p()", "log1p(exp(score))"),
    ("score", "score.pow(2)", "score ** 2"),
    ("score", "score.square().sqrt()", "abs(score)"),
    ("score", "torch.tanh(score)", "tanh(score)"),
    ("score", "score.tanh() * 2", "math.tanh(score) * 2"),
    ("score", "torch.where(q_idx >= kv_idx, score, -float('inf'))", "score if q_idx >= kv_idx else -inf"),
    ("score", "torch.remainder(q_idx - kv_idx, 5)", "(q_idx - kv_idx) % 5"),
    ("score", "torch.div(q_idx - kv_idx, 3, rounding_mode='floor')", "(q_idx - kv_idx) // 3"),
    ("score", "score * q_idx.to(torch.float32)", "score * float(q_idx)"),
    ("score", "(q_idx * 2147483649).to(torch.int32)", "(q_idx * 2147483649 + 2147483648) % 4294967296 - 2147483648"),
    ("score", "score.to(torch.int64) + q_idx.long()", "int(score) + q_idx"),
    ("score", "q_idx.float() / 3", "q_idx / 3"),
    ("score", "(score * 10).int() + (score * 10).long()", "int(score * 10) * 2"),
    ("score", "q_idx.to(score.dtype) / 7", "q_idx / 7"),
    ("score", "q_idx.type_as(score) / 7", "q_idx / 7"),
    ("score", "score + torch.zeros_like(score) + torch.ones_like(q_idx) + torch.full_like(score, 2.5)", "score + 3.5"),
    ("score", "score * score.new_ones(1)", "score"),
    ("score", "F.relu(score) + torch.nn.functional.silu(score)", "max(score, 0.0) + score * sigmoid(score)"),
    ("score", "F.sigmoid(score) + torch.sigmoid(score)", "2 * score.sigmoid()"),
    ("score", "F.softplus(score)", "log1p(exp(score))"),
    ("score", "F.gelu(score)", "0.5 * score * (1 + erf(score / sqrt(2.0)))"),
    ("score", "square(score) + torch.square(q_idx)", "score * score + q_idx * q_idx"),
    ("score", "rsqrt(1.0 + abs(score))", "1 / sqrt(1.0 + abs(score))"),
    ("score", "min(score, 1.0, q_idx)", "min(min(score, 1.0), float(q_idx))"),
    ("score", "math.inf if q_idx > 5 else -torch.inf", "inf if q_idx > 5 else float('-inf')"),
    ("score", "float('nan') if h == 7 else score", "score"),
    ("mask", "torch.logical_and(q_idx >= kv_idx, h > 1)", "(q_idx >= kv_idx) & (h > 1)"),
    ("mask", "logical_or(q_idx >= kv_idx, h > 1)", "q_idx >= kv_idx or h > 1"),
    ("mask", "logical_xor(q_idx >= kv_idx, h > 1)", "(q_idx >= kv_idx) != (h > 1)"),
    ("mask", "~(q_idx >= kv_idx)", "not q_idx >= kv_idx"),
    ("mask", "(q_idx >= kv_idx).logical_not()", "q_idx < kv_idx"),
    ("mask", "q_idx.bool()", "q_idx != 0"),
    ("mask", "q_idx.to(torch.bool)", "bool(q_idx)"),
    ("mask", "torch.abs(q_idx - kv_idx) <= 4", "-4 <= q_idx - kv_idx <= 4"),
    ("mask", "(q_idx.float() / 3).floor() > 2", "q_idx >= 9"),
]
