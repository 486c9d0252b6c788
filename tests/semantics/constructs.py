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
    "if main in the middle": """
if __name__ == "__main__":
    print("hi")
    for x in [1,2]: print(x)
else:
    pass
def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
""",
    "if main reversed and compound": """
def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
if __name__ == "__main__": print(1); print(2)
""",
    "soft keywords": """
def f(tensor, param, const=2, *, match=3, type=4, case=5, _=6):
    return tensor + param * const - match + type + case * _
def score_mod(score, b, h, q_idx, kv_idx):
    tensor = q_idx
    param, const = kv_idx, h
    match = tensor + param
    match += 1
    type = match * 2
    param = param - 1
    print = type
    return score + f(tensor, const, param, type=type, _=print)
""",
    "symbols as locals": """
def score_mod(score, B, H, Q, KV):
    HKV = B + H
    inf = Q - KV
    def nan(torch): return torch + HKV
    return score + nan(inf) * H
""",
    "module names as locals": """
def score_mod(math, torch, F, functools, partial):
    dot = torch * 2
    sum = F + functools
    abs = partial
    return math + dot + sum * abs
""",
    "huge ints": """
A = 10 ** 40
N = (A * A + 7) % (10 ** 9 + 7)
M = -(A // -(10 ** 38))
K = (1 << 63) * 2 // (1 << 60)
S = int("0" == "1") if False else 5
Z = -A // (A + 1)
Y = A - (A - 3)
F1 = A / 10 ** 39
F2 = 10 ** 400 // 10 ** 399
T = A > A - 1
U = ~A & 0xFF
V = (A ^ (A + 1)) & 15
W = 2 ** 0 + (-2) ** 3 + 0 ** 0
X = 7 ** -1 if False else 2 ** -2
def score_mod(score, b, h, q_idx, kv_idx):
    return score + N + M + K + S + Z + Y + F1 + F2 + T + U + V + W + X
""",
    "chains": """
def mask_mod(b, h, q_idx, kv_idx):
    a = 1 < q_idx <= 9 != kv_idx
    c = q_idx == kv_idx == h
    d = 0 <= b < 2 > h >= 0
    return a or c and not d
""",
    "chain inside not and and": """
def mask_mod(b, h, q_idx, kv_idx):
    return not q_idx < kv_idx < 20 and (not h > 1) == (b == 0)
""",
    "indentation with tabs": """
def score_mod(score, b, h, q_idx, kv_idx):
\tif q_idx > 3:
\t\tx = 1
\telse:
\t\tx = 2
\treturn score + x
""",
    "crlf and form feed": '\r\ndef score_mod(score, b, h, q_idx, kv_idx):\r\n    x = (q_idx +\r\n  kv_idx)\r\n\x0c\r\n    y = x + \\\r\n  1\r\n    return score + y\r\n',
    "continuations everywhere": """
def score_mod(score,
              b, h,
    q_idx, kv_idx,   # a comment, ) and "
):
    x = \\
        q_idx \\
        + 1
    if x > 3 \\
       and h > 1:
        x = 2
    return (
        score
        # in between

        + x
    )
""",
    "odd indentation": """
def score_mod(score, b, h, q_idx, kv_idx):
 x = 1
 if q_idx > 3:
          x = 2
          if h > 1:
           x = 3
 else: x = 4
      # a comment, oddly indented
 return score + x
""",
    "semicolons": """
W = 3; V = 4;
def f(x): y = x + W; z = y * V; return z
def score_mod(score, b, h, q_idx, kv_idx): x = f(q_idx); return score + x;
""",
    "nested ternaries and lambdas": """
f = lambda x: lambda y=3: lambda *, z=2: x * y + z
def score_mod(score, b, h, q_idx, kv_idx):
    return score + f(q_idx)()() + f(2)(kv_idx)(z=h) + (lambda: 7)() + (lambda a, c: a if a > c else c)(q_idx, kv_idx)
""",
    "a tuple of functions": """
ops = (lambda x: x + 1, lambda x: x * 2, abs)
def score_mod(score, b, h, q_idx, kv_idx):
    x = q_idx - kv_idx
    for i in range(3):
        x = ops[i](x)
    return score + x
""",
    "a function returned by branches on constants": """
def make(kind):
    if kind == 0:
        def f(x): return x + 1
    elif kind == 1:
        f = lambda x: x * 2
    else:
        f = abs
    return f
def score_mod(score, b, h, q_idx, kv_idx):
    d = q_idx - kv_idx
    return score + make(0)(d) * 100 + make(1)(d) * 10 + make(2)(d)
""",
    "string constants decide": """
MODE = "causal"
def make(mode="none"):
    if mode == "causal":
        return lambda b, h, q, k: q >= k
    return lambda b, h, q, k: q < k
mask_mod = make(MODE)
""",
    "partial of partial with keyword": """
from functools import partial as _unused
import functools
def f(a, c, *, d=1, e):
    return a * 1000 + c * 100 + d * 10 + e
g = functools.partial(functools.partial(f, 3), e=7)
def score_mod(score, b, h, q_idx, kv_idx):
    return score + g(q_idx) + g(kv_idx, d=h)
""",
    "partial of a builtin and of a mask": """
from functools import partial
low = partial(max, 5)
def win(w, b, h, q, k): return abs(q - k) < w
def score_mod(score, b, h, q_idx, kv_idx):
    return score + low(q_idx) + low(kv_idx, h)
mask_mod = or_masks(partial(win, 3), and_masks(partial(win, 6), lambda b, h, q, k: h == 1))
""",
    "early returns in loops and branches": """
def f(x, n):
    for i in range(n):
        if x == i:
            return i * 10
        elif x == -i:
            for j in range(2):
                if x < j - 3: return j
            return -7
        x = x + 1 if x > 20 else x
    if x > 10:
        if x > 15:
            return 1
    else:
        return 2
    return 3 + x
def score_mod(score, b, h, q_idx, kv_idx):
    return score + f(q_idx - kv_idx, 5) + f(h, 2) * 100
""",
    "asserts with texts": """
N = 4
assert N > 0, f"{N!r} must be > {0:>{3}}"
def score_mod(score, b, h, q_idx, kv_idx):
    assert (N % 2 == 0), ("N must be "
                          "even")
    return score * N
""",
    "attribute assignments": """
def make(w):
    def keep(b, h, q_idx, kv_idx):
        return q_idx - kv_idx < w
    keep.__name__ = f"window_{w}_{'x' * 3}"
    keep.__doc__ = "text" + str(w)
    return keep
mask_mod = make(5)
mask_mod.__name__ = "mask" + str(5)
""",
    "rebinding": """
def score_mod(score, b, h, q_idx, kv_idx):
    score = score + 1
    q_idx, kv_idx = kv_idx, q_idx
    q_idx -= h
    b = h = q_idx
    (x) = b
    (y, z), w = (1, 2), 3
    return score + q_idx * 3 + kv_idx + x + y + z + w + h
""",
    "unary and powers": """
def score_mod(score, b, h, q_idx, kv_idx):
    return score + -2 ** 2 + (-2) ** 2 + - + -q_idx + ~-h + 2 ** 3 ** 0 + -q_idx ** 2 + (not h > 1) + (q_idx ** 2 ** 1)
""",
    "numbers": """
def score_mod(score, b, h, q_idx, kv_idx):
    return score + 1_0.5_0e1_0 * 1e-10 + .5 + 5. + 0x_FF + 0XAb + 0b1_01 + 0B1 + 1E3 + 00 + 0_0 + 1e0 + 1.e1
""",
    "parenthesised everything": """
def score_mod(score, b, h, q_idx, kv_idx):
    (x) = ((q_idx))
    if ((x) > (3)): return ((score))
    for (i) in (range((2))): x = (x + (i))
    return (score) + (x)
""",
    "T5 buckets": """
tensor t: f32[8]
NUM, MAXD = 8, 16
def bucket(rel):
    n = NUM // 2
    ret = where(rel > 0, n, 0)
    rel = abs(rel)
    exact = n // 2
    large = exact + int(math.log(max(rel, 1) / exact) / math.log(MAXD / exact) * (n - exact))
    large = min(large, n - 1)
    return ret + where(rel < exact, rel, large)
def score_mod(score, b, h, q_idx, kv_idx):
    return score + t[bucket(kv_idx - q_idx)]
""",
    "paged": """
tensor doc: i32[32]
PAGE = 8
def convert(inner):
    def paged(b, h, q_idx, physical):
        block, off = physical // PAGE, physical % PAGE
        logical = doc[block]
        valid = logical >= 0
        return where(valid, inner(b, h, q_idx, logical * PAGE + off), False)
    return paged
mask_mod = convert(lambda b, h, q, k: q >= k)
""",
    "document factory nested": """
tensor doc: i32[32]
def document(ids, inner):
    def offset(i):
        return i - 8 * (ids[i] > 0)
    def keep(b, h, q_idx, kv_idx):
        same = ids[q_idx] == ids[kv_idx]
        return same & inner(b, h, offset(q_idx), offset(kv_idx))
    return keep
def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
mask_mod = document(doc, causal)
""",
    "block diffusion": """
N = 16
BS = 4
def block_diff_mask(b, h, q_idx, kv_idx, block_size=None, n=None):
    x0_q = q_idx >= n
    x0_k = kv_idx >= n
    bq = where(x0_q == 1, (q_idx - n) // block_size, q_idx // block_size)
    bk = where(x0_k == 1, (kv_idx - n) // block_size, kv_idx // block_size)
    diagonal = (bq == bk) & (x0_q == x0_k)
    offset = (bq > bk) & (x0_k == 1) & (x0_q == 0)
    causal = (bq >= bk) & (x0_k == 1) & (x0_q == 1)
    return diagonal | offset | causal
from functools import partial
mask_mod = partial(block_diff_mask, block_size=BS, n=N)
""",
    "closure of a loop variable": """
def build():
    masks = (lambda b, h, q, k: q >= k,)
    m = masks[0]
    for w in range(2, 8, 3):
        def win(b, h, q, k, w=w):
            return abs(q - k) < w
        prev = m
        if w == 2:
            first = win
    return or_masks(and_masks(m, win), first)
mask_mod = build()
""",
    "default evaluated with outer parameter": """
def outer(n, m=4):
    def inner(x, k=n * m, *, j=n):
        n = 1
        return x * k + j + n
    return inner
def score_mod(score, b, h, q_idx, kv_idx):
    return score + outer(3)(q_idx) + outer(2, m=5)(kv_idx, j=h)
""",
    "bool arithmetic": """
def score_mod(score, b, h, q_idx, kv_idx):
    m = q_idx > kv_idx
    n = h > 1
    x = m + n
    y = (m and n) * 5 - (m or n)
    z = m == n
    u = m < n
    v = (m ^ n) | (m & n)
    w = not m
    return score + x + y + z + u + v * 2 + w * 0 + (True + True) * m + m * score
""",
    "comparison of bools chained": """
def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx > kv_idx) == (h > 1) != (b == 0)
""",
    "if on constant folded comparisons": """
LEVEL = 2
def score_mod(score, b, h, q_idx, kv_idx):
    if LEVEL > 1 and not LEVEL == 3:
        score = score + 1
    if 0 < LEVEL < 2: score = "never"
    if LEVEL == 2 or score > 0:
        score = score + 2
    return score if LEVEL == 2 else 0
""",
    "unused params and functions": """
def unused(x, y):
    return x.foo + y[3]
def unused2(f): return f(f)
def mask_mod(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
""",
    "loop over shapes": """
tensor m: i64[4, 3]
def score_mod(score, b, h, q_idx, kv_idx):
    x = 0
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            x += m[i, j] * (i == h) + m[i][j]
    return score + x
""",
    "negative steps": """
def score_mod(score, b, h, q_idx, kv_idx):
    x = 0
    for i in range(5, 0, -2): x = x * 10 + i
    for i in range(-3, 3): x += i * q_idx
    for _ in range(0, -5): x = 77
    return score + x + i
""",
    "shadowed builtins as parameters": """
def f(max, min, sum): return max - min + sum
def g(int, float=2): return int * float
def score_mod(score, b, h, q_idx, kv_idx):
    range = 3
    return score + f(q_idx, min=kv_idx, sum=h) + g(range)
""",
    "round floor of constants": """
def score_mod(score, b, h, q_idx, kv_idx):
    n = floor(7 / 2) + ceil(7 / 2) + round(7 / 2) + int(-7 / 2) + abs(-3) + min(1, 2.5) + max(1, 2.5)
    for i in range(floor(2.9)): n += 1
    return score + n * q_idx
""",
    "modulo and division of negatives": """
def score_mod(score, b, h, q_idx, kv_idx):
    d = q_idx - kv_idx
    return score + d // 3 + d % 3 + d // -3 + d % -3 + (-7) // 2 + -7 // 2 + -7 % -3 + (d * 0.5) // 1 + (d * 0.5) % 2 + d / 4 + 7 / -2
""",
    "return in both arms and code after": """
def f(x):
    if x > 3:
        return 1
    else:
        return 2
    return 3
def score_mod(score, b, h, q_idx, kv_idx):
    return score + f(q_idx)
""",
    "tuple swap in loop (fibonacci)": """
def fib(n):
    a, c = 0, 1
    for _ in range(n):
        a, c = c, a + c
    return a
def score_mod(score, b, h, q_idx, kv_idx):
    return score + fib(10) * q_idx + fib(90) % 1000
""",
    "nested tuples through branches": """
def f(x):
    if x > 5:
        return (x, 1), 2
    return (0, x), -2
def score_mod(score, b, h, q_idx, kv_idx):
    (a, c), d = f(q_idx)
    p = (a, c) if kv_idx > 3 else (c, a)
    return score + p[0] * 100 + p[1] * 10 + d
""",
    "global const used in nested default lambdas": """
W = (4, 8)
def make(ws=W, pick=lambda t: t[-1]):
    return lambda b, h, q, k: q - k < pick(ws)
mask_mod = make()
""",
    "def with same name as local elsewhere": """
def window(w): return w * 2
def mask_mod(b, h, q_idx, kv_idx):
    w = window(3)
    def window2(w): return w + 1
    return q_idx - kv_idx < window2(w)
""",
    "one-line if elif else": """
def f(x):
    if x > 3: return 1
    elif x > 2: return 2
    else: return 3
def score_mod(score, b, h, q_idx, kv_idx): return score + f(h)
""",
    "where with constants and bool": """
def score_mod(score, b, h, q_idx, kv_idx):
    return score + where(True, 1, 2) + where(h > 1, 1, 2.5) + where(h > 1, True, 3) + where(q_idx > 2, q_idx, kv_idx)
""",
    "min max many": """
def score_mod(score, b, h, q_idx, kv_idx):
    return score + min(q_idx, kv_idx, h, 3) * max(q_idx, kv_idx, 2.5, h) + torch.minimum(q_idx, kv_idx) + torch.maximum(score, 1.0)
""",
    "tree attention by ancestors": """
tensor m: i64[4, 3]
def score_mod(score, b, h, q_idx, kv_idx):
    node = q_idx % 4
    hit = False
    for depth in range(3):
        hit = hit | (node == kv_idx % 4)
        node = m[node, depth] % 4
    return score if hit else score - 100
""",
    "prefix lm with per-batch length": """
tensor doc: i32[32]
def prefix(b, h, q_idx, kv_idx):
    return kv_idx < doc[b + 7]
def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx
mask_mod = or_masks(prefix, causal)
""",
    "sliding tile": """
def generate_sta(canvas, kernel, tile):
    ch, cw = canvas
    kh, kw = kernel
    th, tw = tile
    tiles = th * tw
    def split(i):
        t = i // tiles
        return t // (cw // tw), t % (cw // tw)
    def keep(b, h, q_idx, kv_idx):
        qy, qx = split(q_idx)
        ky, kx = split(kv_idx)
        cy = clamp(qy, kh // 2, (ch // th - 1) - kh // 2)
        cx = qx.clamp(kw // 2, (cw // tw - 1) - kw // 2) if False else clamp(qx, kw // 2, (cw // tw - 1) - kw // 2)
        return (abs(cy - ky) <= kh // 2) & (abs(cx - kx) <= kw // 2)
    return keep
mask_mod = generate_sta((4, 8), (1, 3), (2, 2))
""",
    "dilated": """
def mask_mod(b, h, q_idx, kv_idx):
    d = q_idx - kv_idx
    return (d >= 0) & (d % (2 ** 1 * h + 1) == 0) & (d < 8 * (2 ** 1 * h + 1))
""",
    "gemma softcap and window by layer": """
LAYER = 3
def score_mod(score, b, h, q_idx, kv_idx):
    CAP = 50.0
    score = math.tanh(score / CAP) * CAP
    return score
def mask_mod(b, h, q_idx, kv_idx):
    is_sliding = LAYER % 2 == 1
    causal = q_idx >= kv_idx
    return causal & (q_idx - kv_idx < 8) if is_sliding else causal
""",
    "keyword-only everything": """
def f(*, a, c=2): return a * c
def score_mod(score, b, h, q_idx, kv_idx):
    return score + f(a=q_idx) + f(c=h, a=kv_idx)
""",
    "trailing commas": """
def f(a, c=(1,), *, d=2,): return a + c[0] + d
def score_mod(score, b, h, q_idx, kv_idx,):
    x, = (q_idx,)
    y = f(x, d=3,)
    z, = y,
    return score + z
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
    ("score", "score * q_idx.to(float32)", "score * q_idx.to(torch.float32)"),
    ("score", "(q_idx * 2147483649).to(int32)", "(q_idx * 2147483649).to(torch.int32)"),
    ("score", "score.to(int64) + q_idx.to(bool)", "int(score) + bool(q_idx)"),
    ("score", "score + torch.full_like(score, 2.75, dtype=int64)", "score + 2"),
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
    ("mask", "q_idx.new_ones((), dtype=torch.bool) & (q_idx >= kv_idx)", "q_idx >= kv_idx"),
    ("score", "score + torch.zeros_like(q_idx, dtype=torch.float) + torch.full_like(score, 2.75, dtype=torch.int)", "score + 2"),
    ("score", "(q_idx / 3).to(torch.int) + q_idx.to(torch.float) / 3", "int(q_idx / 3) + q_idx / 3"),
]
