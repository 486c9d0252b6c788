"""The field's variants, each written twice: in the language, and in NumPy over arrays of positions.

A variant: name → (text, captures(shape, rng) or None, score(c, s, b, h, q, k) or None, mask(c, b, h, q, k) or None, options).
`c` holds the captures and the shape's numbers as attributes: c.B c.H c.HKV c.Q c.KV and each tensor by name.
"""
import types

import numpy as np

SCORE = "def score_mod(score, b, h, q_idx, kv_idx):\n    return "
MASK = "def mask_mod(b, h, q_idx, kv_idx):\n    return "


def Variant(text, score=None, mask=None, captures=None, **options):
    return types.SimpleNamespace(text=text, score=score, mask=mask, captures=captures or (lambda n, rng: {}), **{"shape": {}, **options})


def _table(t, *indices):
    """A gather: wraps once, 0 beyond."""
    indices = np.broadcast_arrays(*indices)
    inside = np.ones(indices[0].shape, bool)
    clipped = []
    for i, size in zip(indices, t.shape):
        i = np.where(i < 0, i + size, i)
        inside &= (i >= 0) & (i < size)
        clipped.append(np.clip(i, 0, max(size - 1, 0)))
    return np.where(inside, t[tuple(clipped)], 0)


def _floats(*dims):
    return lambda n, rng: rng.standard_normal([n[d] if isinstance(d, str) else d for d in dims]).astype(np.float32)


def _captures(**makers):
    return lambda n, rng: {name: make(n, rng) for name, make in makers.items()}


def _documents(n, rng):
    """Sorted ids over the longer of the two lengths."""
    return np.sort(rng.integers(0, 4, max(n["Q"], n["KV"]))).astype(np.int32)


def _morton(z):
    x = np.zeros_like(z)
    for bit in range(8):
        x |= ((z >> (2 * bit)) & 1) << bit
    return x


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


LONGEST = "const L = 512\n"
DOC = "tensor doc: i32[tokens]\n"

SCORES = {
    "noop": Variant(SCORE + "score\n", lambda c, s, b, h, q, k: s),
    "double": Variant(SCORE + "2 * score\n", lambda c, s, b, h, q, k: 2 * s),
    "squared": Variant(SCORE + "score * score\n", lambda c, s, b, h, q, k: s * s),
    "relative": Variant(SCORE + "score + (q_idx - kv_idx)\n", lambda c, s, b, h, q, k: s + (q - k)),
    "alibi": Variant(SCORE + "score + (kv_idx - q_idx) * exp2(-8.0 * (h + 1) / H)\n", lambda c, s, b, h, q, k: s + (k - q) * np.exp2(-8 * (h + 1) / c.H)),
    "alibi by slopes": Variant("tensor slopes: f32[H]\n" + SCORE + "score + slopes[h] * (kv_idx - q_idx)\n",
                               lambda c, s, b, h, q, k: s + c.slopes[h].astype(float) * (k - q), captures=_captures(slopes=_floats("H"))),
    "softcap": Variant("const cap = 5.0\n" + SCORE + "cap * tanh(score / cap)\n", lambda c, s, b, h, q, k: 5 * np.tanh(s / 5)),
    "softcap by a param": Variant("param cap: f32 = 3\n" + SCORE + "cap * torch.tanh(score / cap)\n", lambda c, s, b, h, q, k: 2.5 * np.tanh(s / 2.5),
                                  params={"cap": 2.5}),
    "head bias": Variant(SCORE + "score + 0.125 * h\n", lambda c, s, b, h, q, k: s + 0.125 * h),
    "times t[h]": Variant("tensor t: f32[H]\n" + SCORE + "score * t[h]\n", lambda c, s, b, h, q, k: s * c.t[h], captures=_captures(t=_floats("H"))),
    "plus t[b]": Variant("tensor t: f32[B]\n" + SCORE + "score + t[b]\n", lambda c, s, b, h, q, k: s + c.t[b], captures=_captures(t=_floats("B"))),
    "plus t[b, h]": Variant("tensor t: f32[B, H]\n" + SCORE + "score + t[b, h]\n", lambda c, s, b, h, q, k: s + c.t[b, h], captures=_captures(t=_floats("B", "H"))),
    "bias[q, k]": Variant("tensor bias: f32[Q, KV]\n" + SCORE + "score + bias[q_idx, kv_idx]\n", lambda c, s, b, h, q, k: s + c.bias[q, k],
                          captures=_captures(bias=_floats("Q", "KV"))),
    "bias[b, h, q, k]": Variant("tensor bias: f32[B, H, Q, KV]\n" + SCORE + "score + bias[b][h][q_idx, kv_idx]\n",
                                lambda c, s, b, h, q, k: s + c.bias[b, h, q, k], captures=_captures(bias=_floats("B", "H", "Q", "KV"))),
    "T5 table": Variant(LONGEST + "tensor T: f32[buckets]\n" + SCORE + "score + T[kv_idx - q_idx + L - 1]\n",
                        lambda c, s, b, h, q, k: s + _table(c.T, k - q + 511), captures=_captures(T=_floats(1023))),
    "four terms": Variant("tensor u: f32[H]\ntensor a: f32[Q]\ntensor c: f32[KV]\ntensor t: f32[B]\n" + SCORE + "score + u[h] + a[q_idx] - c[kv_idx] + t[b]\n",
                          lambda c, s, b, h, q, k: s + c.u[h] + c.a[q] - c.c[k] + c.t[b],
                          captures=_captures(u=_floats("H"), a=_floats("Q"), c=_floats("KV"), t=_floats("B"))),
    "silu": Variant(SCORE + "score * sigmoid(score)\n", lambda c, s, b, h, q, k: s * _sigmoid(s)),
    "checkerboard": Variant(SCORE + "where(kv_idx % 2 == 0, score, -float('inf'))\n", lambda c, s, b, h, q, k: np.where(k % 2 == 0, s, -np.inf)),
    "floor division": Variant(SCORE + "score - q_idx // (1 + kv_idx)\n", lambda c, s, b, h, q, k: s - q // (1 + k)),
    "trigonometry": Variant(SCORE + "torch.sin(torch.cos(score)) + tan(b)\n", lambda c, s, b, h, q, k: np.sin(np.cos(s)) + np.tan(b.astype(float))),
    "distance decay": Variant(SCORE + "score / (1 + 0.0001220703125 * (q_idx - kv_idx) ** 2)\n", lambda c, s, b, h, q, k: s / (1 + 2.0**-13 * (q - k)**2)),
    "feature distance": Variant("tensor x: f32[tokens, 3]\n" + SCORE + "score - (x[q_idx] - x[kv_idx]).pow(2).sum(-1).sqrt()\n",
                                lambda c, s, b, h, q, k: s - _feature_distance(c.x.astype(float), q, k),
                                captures=_captures(x=lambda n, rng: rng.standard_normal((max(n["Q"], n["KV"]), 3)).astype(np.float32))),
    "log of a param": Variant("param n: f32\n" + SCORE + "score * log(n) / math.e\n", lambda c, s, b, h, q, k: s * np.log(77.0) / np.float32(np.e), params={"n": 77}),
    "dequantisation": Variant("tensor qs: f16[H]\ntensor ks: f32[HKV]\n" + SCORE + "score * qs[h] * ks[h // (H // HKV)]\n",
                              lambda c, s, b, h, q, k: s * c.qs[h].astype(float) * c.ks[h // (c.H // c.HKV)],
                              captures=_captures(qs=lambda n, rng: rng.standard_normal(n["H"]).astype(np.float16), ks=_floats("HKV"))),
    "rope term": Variant("tensor qr: f32[B, H, Q, R]\ntensor kr: f32[B, 1, KV, R]\n" + SCORE + "score + dot(qr[b, h, q_idx], kr[b, 0, kv_idx])\n",
                         lambda c, s, b, h, q, k: s + np.einsum("bhqr,bxkr->bhqk", c.qr[:, :, q.reshape(-1)].astype(float), c.kr[:, :, k.reshape(-1)].astype(float)),
                         captures=_captures(qr=_floats("B", "H", "Q", 6), kr=_floats("B", 1, "KV", 6))),
    "branches": Variant("def score_mod(s, b, h, q, k):\n    if h % 2 == 0:\n        return s + (q - k)\n    elif q > k:\n        w = 2.0\n    else:\n        w = -0.5\n    return s * w\n",
                        lambda c, s, b, h, q, k: np.where(h % 2 == 0, s + (q - k), s * np.where(q > k, 2.0, -0.5))),
}


def _feature_distance(x, q, k):
    difference = x[q.reshape(-1)][:, None, :] - x[k.reshape(-1)][None, :, :]
    return np.sqrt((difference**2).sum(-1))[None, None]


MASKS = {
    "causal": Variant(MASK + "q_idx >= kv_idx\n", mask=lambda c, b, h, q, k: q >= k),
    "anti-causal": Variant(MASK + "q_idx <= kv_idx\n", mask=lambda c, b, h, q, k: q <= k),
    "band": Variant("param W: i32 = 9\n" + MASK + "abs(q_idx - kv_idx) <= W\n", mask=lambda c, b, h, q, k: abs(q - k) <= 5, params={"W": 5}),
    "causal window": Variant("const W = 20\n" + MASK + "(q_idx >= kv_idx) & (q_idx - kv_idx <= W)\n", mask=lambda c, b, h, q, k: (q >= k) & (q - k <= 13),
                             consts={"W": 13}),
    "prefix": Variant(MASK + "(kv_idx < 11) | (q_idx >= kv_idx)\n", mask=lambda c, b, h, q, k: (k < 11) | (q >= k)),
    "prefix a batch": Variant("tensor prefix: i32[B]\n" + MASK + "kv_idx < prefix[b] or q_idx >= kv_idx\n", mask=lambda c, b, h, q, k: (k < c.prefix[b]) | (q >= k),
                              captures=_captures(prefix=lambda n, rng: rng.integers(0, n["KV"] + 1, n["B"]).astype(np.int32))),
    "document": Variant(DOC + MASK + "doc[q_idx] == doc[kv_idx]\n", mask=lambda c, b, h, q, k: c.doc[q] == c.doc[k], captures=_captures(doc=_documents)),
    "document causal": Variant(DOC + "def causal(b, h, q, k):\n    return q >= k\ndef same(b, h, q, k):\n    return doc[q] == doc[k]\nmask_mod = and_masks(causal, same)\n",
                               mask=lambda c, b, h, q, k: (c.doc[q] == c.doc[k]) & (q >= k), captures=_captures(doc=_documents)),
    "dilated": Variant("param d: i64 = 3\n" + MASK + "(q_idx - kv_idx) % d == 0\n", mask=lambda c, b, h, q, k: (q - k) % 3 == 0),
    "sinks or window": Variant(MASK + "q_idx >= kv_idx and (kv_idx < 4 or q_idx - kv_idx < 16)\n", mask=lambda c, b, h, q, k: (q >= k) & ((k < 4) | (q - k < 16))),
    "causal with offsets": Variant("tensor offset: i32[B]\n" + MASK + "q_idx + offset[b] >= kv_idx\n", mask=lambda c, b, h, q, k: q + c.offset[b] >= k,
                                   captures=_captures(offset=lambda n, rng: rng.integers(-4, n["KV"], n["B"]).astype(np.int32))),
    "head types": Variant("tensor streaming: bool[H]\n" + MASK + "(q_idx >= kv_idx) & (~streaming[h] | (q_idx - kv_idx < 8) | (kv_idx < 2))\n",
                          mask=lambda c, b, h, q, k: (q >= k) & (~c.streaming[h] | (q - k < 8) | (k < 2)),
                          captures=_captures(streaming=lambda n, rng: np.arange(n["H"]) % 2 == 0)),
    "blocks": Variant(MASK + "q_idx // 24 == kv_idx // 24\n", mask=lambda c, b, h, q, k: q // 24 == k // 24),
    "natten": Variant("""
def natten(cw, ch, kw, kh):
    def keep(b, h, q_idx, kv_idx):
        qx, qy = q_idx // cw, q_idx % cw
        kx, ky = kv_idx // cw, kv_idx % cw
        cx = qx.clamp(kh // 2, ch - 1 - kh // 2)
        cy = qy.clamp(kw // 2, cw - 1 - kw // 2)
        return ((cx - kx).abs() <= kh // 2) & ((cy - ky).abs() <= kw // 2)
    return keep
mask_mod = natten(12, 10, 5, 3)
""", mask=lambda c, b, h, q, k: (abs(np.clip(q // 12, 1, 8) - k // 12) <= 1) & (abs(np.clip(q % 12, 2, 9) - k % 12) <= 2)),
    "natten tiled": Variant("""
def place(i):
    tile, inside = i // 12, i % 12
    return tile % 4 * 4 + inside % 4, tile // 4 * 3 + inside // 4
def mask_mod(b, h, q_idx, kv_idx):
    qx, qy = place(q_idx)
    kx, ky = place(kv_idx)
    return abs(clamp(qx, 3, 12) - kx) <= 3 and abs(clamp(qy, 2, 6) - ky) <= 2
""", mask=lambda c, b, h, q, k: (abs(np.clip(q // 12 % 4 * 4 + q % 4, 3, 12) - (k // 12 % 4 * 4 + k % 4)) <= 3)
                            & (abs(np.clip(q // 48 * 3 + q % 12 // 4, 2, 6) - (k // 48 * 3 + k % 12 // 4)) <= 2)),
    "natten Morton": Variant("""
def even(z):
    z = z & 0x5555
    z = (z | (z >> 1)) & 0x3333
    z = (z | z >> 2) & 0x0F0F
    return (z | (z >> 4)) & 0x00FF
def mask_mod(b, h, q_idx, kv_idx):
    qx, qy = even(q_idx), even(q_idx >> 1)
    kx, ky = even(kv_idx), even(kv_idx >> 1)
    return ((qx - kx).abs() <= 2) & ((qy - ky).abs() <= 1)
""", mask=lambda c, b, h, q, k: (abs(_morton(q) - _morton(k)) <= 2) & (abs(_morton(q >> 1) - _morton(k >> 1)) <= 1)),
    "block diffusion": Variant("""
def mask_mod(b, h, q_idx, kv_idx):
    half = Q // 2
    size = 8
    q_clean, k_clean = q_idx >= half, kv_idx >= half
    qb = where(q_clean, (q_idx - half) // size, q_idx // size)
    kb = where(k_clean, (kv_idx - half) // size, kv_idx // size)
    diagonal = (qb == kb) & (q_clean == k_clean)
    offset = (qb > kb) & k_clean & ~q_clean
    return diagonal | offset | ((qb >= kb) & k_clean & q_clean)
""", mask=lambda c, b, h, q, k: _block_diffusion(c.Q // 2, 8, q, k)),
    "tree": Variant("tensor A: bool[nodes, nodes]\nconst P = 20\ndef mask_mod(b, h, q, k):\n    return k < P or A[q, k - P] and k - P < 64\n",
                    mask=lambda c, b, h, q, k: (k < 20) | ((_table(c.A, q, k - 20) != 0) & (k - 20 < 64)),
                    captures=_captures(A=lambda n, rng: np.tril(rng.random((64, 64)) < 0.4))),
    "shared prefix": Variant("tensor owner: i32[tokens]\n" + MASK + "(kv_idx < 16 or owner[q_idx] == owner[kv_idx]) and q_idx >= kv_idx\n",
                             mask=lambda c, b, h, q, k: ((k < 16) | (c.owner[q] == c.owner[k])) & (q >= k), captures=_captures(owner=_documents)),
    "interval table": Variant("tensor image: i64[KV]\ntensor spans: i32[images, 2]\ndef mask_mod(b, h, q_idx, kv_idx):\n    span = spans[image[kv_idx]]\n    return span[0] <= q_idx < span[1]\n",
                              mask=lambda c, b, h, q, k: (_table(c.spans, c.image[k], 0) <= q) & (q < _table(c.spans, c.image[k], 1)),
                              captures=_captures(image=lambda n, rng: np.arange(n["KV"]) // 27, spans=lambda n, rng: np.stack([np.arange(12) * 9, np.arange(12) * 9 + 31], 1).astype(np.int32))),
    "top-k tiles": Variant("tensor chosen: u8[H, qt, kt]\n" + MASK + "chosen[h, q_idx // 16, kv_idx // 16] != 0\n",
                           mask=lambda c, b, h, q, k: c.chosen[h, q // 16, k // 16] != 0,
                           captures=_captures(chosen=lambda n, rng: (rng.random((n["H"], -(-n["Q"] // 16), -(-n["KV"] // 16))) < 0.5).astype(np.uint8))),
    "jagged": Variant("tensor q_seq: i32[Q]\ntensor k_seq: i32[KV]\ntensor starts: i32[sequences]\n"
                      "def mask_mod(b, h, q, k):\n    s = q_seq[q]\n    return (s == k_seq[k]) & (q - starts[s] >= k - starts[k_seq[k]])\n",
                      mask=lambda c, b, h, q, k: (c.q_seq[q] == c.k_seq[k]) & (q - _table(c.starts, c.q_seq[q]) >= k - _table(c.starts, c.k_seq[k])),
                      captures=_captures(q_seq=lambda n, rng: (np.arange(n["Q"]) // 40).astype(np.int32), k_seq=lambda n, rng: (np.arange(n["KV"]) // 40).astype(np.int32),
                                         starts=lambda n, rng: (np.arange(8) * 40).astype(np.int32))),
    "union": Variant("def a(b, h, q, k):\n    return q - k == 3\ndef c(b, h, q, k):\n    return q // 10 == k // 10\nmask_mod = or_masks(a, c, lambda b, h, q, k: (k < 2) & (h > 0))\n",
                     mask=lambda c, b, h, q, k: (q - k == 3) | (q // 10 == k // 10) | ((k < 2) & (h > 0))),
    "intersection": Variant(DOC + "def dil(b, h, q, k):\n    return (q - k) % 2 == 0\ndef d(b, h, q, k):\n    return doc[q] == doc[k]\nmask_mod = and_masks(dil, d, lambda b, h, q, k: abs(q - k) < 40)\n",
                            mask=lambda c, b, h, q, k: ((q - k) % 2 == 0) & (c.doc[q] == c.doc[k]) & (abs(q - k) < 40), captures=_captures(doc=_documents)),
    "always": Variant(MASK + "True\n", mask=lambda c, b, h, q, k: np.ones((1, 1, 1, 1), bool)),
    "never": Variant(MASK + "False\n", mask=lambda c, b, h, q, k: np.zeros((1, 1, 1, 1), bool)),
    "second half of the rows": Variant(MASK + "q_idx >= Q // 2\n", mask=lambda c, b, h, q, k: (q >= c.Q // 2) & (k >= 0)),
}


def _block_diffusion(half, size, q, k):
    q_clean, k_clean = q >= half, k >= half
    qb = np.where(q_clean, q - half, q) // size
    kb = np.where(k_clean, k - half, k) // size
    return ((qb == kb) & (q_clean == k_clean)) | ((qb > kb) & k_clean & ~q_clean) | ((qb >= kb) & k_clean & q_clean)


# Scores and masks together.
BOTH = {
    "alibi and causal window": Variant(SCORES["alibi by slopes"].text + "def mask_mod(b, h, q_idx, kv_idx):\n    return (q_idx >= kv_idx) & (q_idx - kv_idx < 30)\n",
                                       SCORES["alibi by slopes"].score, lambda c, b, h, q, k: (q >= k) & (q - k < 30), SCORES["alibi by slopes"].captures),
    "softcap and document": Variant(DOC + SCORES["softcap"].text + "def mask_mod(b, h, q_idx, kv_idx):\n    return doc[q_idx] == doc[kv_idx]\n",
                                    SCORES["softcap"].score, lambda c, b, h, q, k: c.doc[q] == c.doc[k], _captures(doc=_documents)),
}
ALL = {**SCORES, **MASKS, **BOTH}
