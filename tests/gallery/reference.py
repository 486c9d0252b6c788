"""What each gallery entry means, in NumPy over arrays of positions, written from its description and not from its text.

REFERENCES[name]: score(c, s, b, h, q, k) and mask(c, b, h, q, k), either may be None; captures(n, rng) → arrays; params and consts that the test
sets; shape (B, H, HKV, Q, KV). `c` holds captures, params, consts and the numbers B H HKV Q KV as attributes.
"""
import types

import numpy as np


def Reference(score=None, mask=None, captures=None, params=None, consts=None, shape=(2, 4, 2, 48, 48)):
    return types.SimpleNamespace(score=score, mask=mask, captures=captures or (lambda n, rng: {}), params=params or {}, consts=consts or {}, shape=shape)


def floats(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def draws(rng, low, high, *shape):
    return rng.integers(low, high, shape).astype(np.int32)


def causal(c, b, h, q, k):
    return q >= k


def sorted_documents(n, rng):
    doc = np.sort(rng.integers(0, 5, n.KV)).astype(np.int32)
    _, doc = np.unique(doc, return_inverse=True)
    doc = doc.astype(np.int32)
    return {"doc": doc, "starts": np.array([np.argmax(doc == d) for d in range(doc.max() + 1)], np.int32)}


def tree(n, rng):
    """Ancestors in a random tree over the draft tokens."""
    ancestor = np.eye(n.Q, dtype=bool)
    for node in range(1, n.Q):
        ancestor[node] |= ancestor[rng.integers(0, node)]
    return {"ancestor": ancestor}


def pages(n, rng):
    page = np.stack([rng.permutation(-(-n.KV // 16)) for _ in range(n.B)]).astype(np.int32)
    page[page == 1] = -1
    return {"logical_page": page}


def flashmask_captures(n, rng):
    bounds = {name: draws(rng, 0, n.Q + 1, n.B, n.KV) for name in ("lower_start", "lower_end", "upper_start", "upper_end")}
    return bounds


def outside(at, low, high):
    return (at < low) | (at >= high)


def canvas_window(at, other, cells, kernel):
    """The kernel-wide stretch of cells that holds `at` as near its middle as the canvas allows."""
    first = np.clip(at - kernel // 2, 0, cells - kernel)
    return (other >= first) & (other < first + kernel)


def natten(c, b, h, q, k):
    return canvas_window(q % c.WIDTH, k % c.WIDTH, c.WIDTH, c.KERNEL_W) & canvas_window(q // c.WIDTH, k // c.WIDTH, c.HEIGHT, c.KERNEL_H)


def tiled_order(c):
    """x and y of the n-th token, by walking the canvas."""
    places = [(tx * c.TILE_W + x, ty * c.TILE_H + y) for ty in range(c.HEIGHT // c.TILE_H) for tx in range(c.WIDTH // c.TILE_W)
              for y in range(c.TILE_H) for x in range(c.TILE_W)]
    return np.array(places).T


def natten_tiled(c, b, h, q, k):
    x, y = tiled_order(c)
    return canvas_window(x[q], x[k], c.WIDTH, c.KERNEL_W) & canvas_window(y[q], y[k], c.HEIGHT, c.KERNEL_H)


def natten_morton(c, b, h, q, k):
    index = np.arange(c.SIDE * c.SIDE)
    x = sum(((index >> 2 * bit) & 1) << bit for bit in range(10))
    y = sum(((index >> 2 * bit + 1) & 1) << bit for bit in range(10))
    return canvas_window(x[q], x[k], c.SIDE, c.KERNEL_W) & canvas_window(y[q], y[k], c.SIDE, c.KERNEL_H)


def tile_window(at, other, tiles, reach):
    """`reach` whole tiles around `at`, the odd one behind it, moved inside the canvas."""
    first = np.clip(at - reach // 2, 0, tiles - reach)
    return (other >= first) & (other < first + reach)


def with_text(image, text, near, q, k):
    return np.where(q < image, np.where(k < image, near, k < image + text), k < image + text)


def sliding_tile_2d(c, b, h, q, k):
    cols = c.CANVAS_W // c.TILE_W
    tile = lambda i: (i // (c.TILE_H * c.TILE_W) // cols, i // (c.TILE_H * c.TILE_W) % cols)
    (qr, qc), (kr, kc) = tile(q), tile(k)
    near = tile_window(qr, kr, c.CANVAS_H // c.TILE_H, c.KERNEL_H // c.TILE_H) & tile_window(qc, kc, cols, c.KERNEL_W // c.TILE_W)
    return with_text(c.CANVAS_H * c.CANVAS_W, c.TEXT, near, q, k)


def sliding_tile_3d(c, b, h, q, k):
    rows, cols = c.CANVAS_H // c.TILE_H, c.CANVAS_W // c.TILE_W
    tile = lambda i: np.unravel_index(np.minimum(i // (c.TILE_T * c.TILE_H * c.TILE_W), (c.FRAMES // c.TILE_T) * rows * cols - 1), (c.FRAMES // c.TILE_T, rows, cols))
    near = True
    for at, other, tiles, reach in zip(tile(q), tile(k), (c.FRAMES // c.TILE_T, rows, cols), (c.KERNEL_T // c.TILE_T, c.KERNEL_H // c.TILE_H, c.KERNEL_W // c.TILE_W)):
        near = near & tile_window(at, other, tiles, reach)
    return with_text(c.FRAMES * c.CANVAS_H * c.CANVAS_W, c.TEXT, near, q, k)


def block_diffusion(c, b, h, q, k):
    half = c.KV // 2
    noisy_q, noisy_k = q < half, k < half
    block = lambda i: i % half // c.block if half else i
    own = block(q) == block(k)
    return np.where(noisy_q, np.where(noisy_k, own, block(k) < block(q)), ~noisy_k & (block(k) <= block(q)))


def t5_bucket(relative):
    """Mesh TensorFlow's buckets for 32 buckets and distance 128, by exact integers: 8·2^(i/2) ≤ distance ⇔ 64·2^i ≤ distance²."""
    distance = np.abs(relative)
    far = 8 + sum((64 * 2 ** i <= distance ** 2).astype(int) for i in range(1, 8))
    return np.where(relative > 0, 16, 0) + np.where(distance < 8, distance, far)


def any_of(table, at):
    """Whether one of the last axis of `table` equals `at`."""
    return (table == at[..., None]).any(-1)


REFERENCES = {
    "noop": Reference(),
    "causal": Reference(mask=causal),
    "alibi": Reference(score=lambda c, s, b, h, q, k: s + c.slopes[h].astype(float) * (k - q), captures=lambda n, rng: {"slopes": floats(rng, n.H)}),
    "alibi_causal": Reference(score=lambda c, s, b, h, q, k: s + c.slopes[h].astype(float) * (k - q), mask=causal, captures=lambda n, rng: {"slopes": floats(rng, n.H)}),
    "sliding_window": Reference(mask=lambda c, b, h, q, k: (0 <= q - k) & (q - k <= c.window), params={"window": 9}),
    "prefix_lm": Reference(mask=lambda c, b, h, q, k: (k < c.prefix) | (k <= q), params={"prefix": 11}),
    "prefix_per_batch": Reference(mask=lambda c, b, h, q, k: (k < c.prefix[b]) | (k <= q), captures=lambda n, rng: {"prefix": draws(rng, 0, n.KV, n.B)}),
    "softcap": Reference(score=lambda c, s, b, h, q, k: c.cap * np.tanh(s / c.cap), params={"cap": 1.5}),
    "causal_softcap": Reference(score=lambda c, s, b, h, q, k: c.cap * np.tanh(s / c.cap), mask=causal, params={"cap": 2}),
    "document": Reference(mask=lambda c, b, h, q, k: c.doc[q] == c.doc[k], captures=lambda n, rng: {"doc": draws(rng, 0, 4, n.KV)}),
    "document_causal": Reference(mask=lambda c, b, h, q, k: (c.doc[q] == c.doc[k]) & (q - c.starts[c.doc[q]] >= k - c.starts[c.doc[k]]), captures=sorted_documents),
    "jagged": Reference(mask=lambda c, b, h, q, k: np.searchsorted(c.offsets, q, "right") == np.searchsorted(c.offsets, k, "right"),
                        captures=lambda n, rng: {"offsets": np.array([0, 5, 20, n.KV], np.int32)}, consts={"BOUNDARIES": 4}),
    "left_padding": Reference(mask=lambda c, b, h, q, k: (c.padding[b] <= k) & (k <= q), captures=lambda n, rng: {"padding": draws(rng, 0, n.KV, n.B)}),
    "causal_offset": Reference(mask=lambda c, b, h, q, k: k <= q + c.offset[b], captures=lambda n, rng: {"offset": draws(rng, 0, n.KV - n.Q, n.B)}, shape=(3, 2, 2, 16, 48)),
    "dilated_window": Reference(mask=lambda c, b, h, q, k: (np.abs(q - k) <= c.window) & ((q - k) % c.dilation == 0), params={"window": 12, "dilation": 3}),
    "attention_sinks": Reference(mask=lambda c, b, h, q, k: (k <= q) & ((k < c.sinks) | (k >= q - c.window)), params={"sinks": 3, "window": 7}),
    "head_type": Reference(mask=lambda c, b, h, q, k: (k <= q) & (~c.local[h] | (k >= q - c.window)), captures=lambda n, rng: {"local": np.arange(n.H) % 2 == 0}, params={"window": 5}),
    "chunked": Reference(mask=lambda c, b, h, q, k: (k <= q) & (q // c.chunk == k // c.chunk), params={"chunk": 10}),
    "natten": Reference(mask=natten, consts={"WIDTH": 8, "HEIGHT": 6, "KERNEL_W": 3, "KERNEL_H": 5}),
    "natten_tiled": Reference(mask=natten_tiled, consts={"WIDTH": 8, "HEIGHT": 6, "KERNEL_W": 3, "KERNEL_H": 5, "TILE_W": 4, "TILE_H": 3}),
    "natten_morton": Reference(mask=natten_morton, consts={"SIDE": 8, "KERNEL_W": 3, "KERNEL_H": 5}, shape=(1, 2, 2, 64, 64)),
    "window_2d": Reference(mask=lambda c, b, h, q, k: ((q % c.WIDTH + c.SHIFT) // c.WINDOW == (k % c.WIDTH + c.SHIFT) // c.WINDOW)
                           & ((q // c.WIDTH + c.SHIFT) // c.WINDOW == (k // c.WIDTH + c.SHIFT) // c.WINDOW), consts={"WIDTH": 8, "WINDOW": 4, "SHIFT": 2}),
    "sliding_tile_2d": Reference(mask=sliding_tile_2d, consts={"CANVAS_H": 8, "CANVAS_W": 12, "KERNEL_H": 4, "KERNEL_W": 6, "TILE_H": 2, "TILE_W": 2, "TEXT": 5},
                                 shape=(1, 2, 2, 103, 103)),
    "sliding_tile_3d": Reference(mask=sliding_tile_3d, consts={"FRAMES": 6, "CANVAS_H": 4, "CANVAS_W": 4, "KERNEL_T": 4, "KERNEL_H": 2, "KERNEL_W": 4, "TILE_T": 2, "TILE_H": 2, "TILE_W": 2,
                                                               "TEXT": 3}, shape=(1, 2, 2, 101, 101)),
    "video_spatial": Reference(mask=lambda c, b, h, q, k: (np.minimum(q, k) < c.prompt) | (np.abs(q - k) < c.reach * c.frame), params={"prompt": 5, "frame": 7, "reach": 2}),
    "video_temporal": Reference(mask=lambda c, b, h, q, k: (np.minimum(q, k) < c.prompt) | (np.abs((q - c.prompt) % c.frame - (k - c.prompt) % c.frame) < c.reach),
                                params={"prompt": 5, "frame": 9, "reach": 2}),
    "block_diffusion": Reference(mask=block_diffusion, params={"block": 5}),
    "shared_prefix": Reference(mask=lambda c, b, h, q, k: (k <= q) & ((k < c.prefix) | ((q >= c.prefix) & ((q - c.prefix) // c.length == (k - c.prefix) // c.length))),
                               params={"prefix": 13, "length": 8}),
    "draft_tree": Reference(mask=lambda c, b, h, q, k: np.where(k < c.KV - c.Q, True, c.ancestor[q, np.maximum(k - (c.KV - c.Q), 0)]), captures=tree, shape=(1, 2, 2, 12, 40)),
    "relative_bias": Reference(score=lambda c, s, b, h, q, k: s + c.bias[h, np.clip(k - q, -6, 6) + 6], captures=lambda n, rng: {"bias": floats(rng, n.H, 13)}, consts={"REACH": 6}),
    "t5_bias": Reference(score=lambda c, s, b, h, q, k: s + c.bias[t5_bucket(k - q), h], captures=lambda n, rng: {"bias": floats(rng, 32, n.H)}, shape=(1, 2, 2, 150, 150)),
    "distance_bias": Reference(score=lambda c, s, b, h, q, k: s - c.strength * np.linalg.norm(c.position[q].astype(float) - c.position[k], axis=-1),
                               captures=lambda n, rng: {"position": floats(rng, n.KV, 3)}, params={"strength": 0.5}),
    "mla_rope": Reference(score=lambda c, s, b, h, q, k: s + c.rope_scale * (c.q_rope[b, h, q].astype(float) * c.k_rope[b, 0, k]).sum(-1),
                          captures=lambda n, rng: {"q_rope": floats(rng, n.B, n.H, n.Q, 6), "k_rope": floats(rng, n.B, 1, n.KV, 6)}, params={"rope_scale": 0.25}),
    "dequantise": Reference(score=lambda c, s, b, h, q, k: s * c.q_scale[b, h].astype(float) * c.k_scale[b, h * c.HKV // c.H, k],
                            captures=lambda n, rng: {"q_scale": floats(rng, n.B, n.H), "k_scale": floats(rng, n.B, n.HKV, n.KV)}),
    "forgetting": Reference(score=lambda c, s, b, h, q, k: s + (c.log_gates[b, h, q].astype(float) - c.log_gates[b, h, k]), mask=causal,
                            captures=lambda n, rng: {"log_gates": -np.cumsum(np.abs(floats(rng, n.B, n.H, n.KV)), -1, dtype=np.float32)}),
    "logn_scaling": Reference(score=lambda c, s, b, h, q, k: s * np.maximum(1, np.log(q + 1) / np.log(c.trained)), mask=causal, params={"trained": 10}),
    "vision_cross_attention": Reference(mask=lambda c, b, h, q, k: (c.spans[c.image_of[k], 0] <= q) & (q < c.spans[c.image_of[k], 1]), shape=(1, 2, 2, 40, 30),
                                        captures=lambda n, rng: {"spans": np.array([[0, 9], [9, 30], [25, 40]], np.int32), "image_of": (np.arange(n.KV) // 10).astype(np.int32)}),
    "flashmask": Reference(mask=lambda c, b, h, q, k: outside(q, c.lower_start[b, k], c.lower_end[b, k]) & outside(q, c.upper_start[b, k], c.upper_end[b, k]), captures=flashmask_captures),
    "bigbird": Reference(mask=lambda c, b, h, q, k: (np.abs(q // 8 - k // 8) < 2) | (q < 8) | (k < 8) | any_of(c.picked[h, q // 8], k // 8 + 0 * h), consts={"BLOCK": 8, "RANDOM": 2},
                         captures=lambda n, rng: {"picked": draws(rng, 0, 6, n.H, 6, 2)}),
    "topk_tiles": Reference(mask=lambda c, b, h, q, k: (k <= q) & ((q // 8 == k // 8) | any_of(c.chosen[b, h, q // 8], k // 8 + 0 * h)), consts={"TILE": 8, "TOP": 3},
                            captures=lambda n, rng: {"chosen": draws(rng, 0, 6, n.B, n.H, 6, 3)}),
    "longformer": Reference(mask=lambda c, b, h, q, k: (np.abs(q - k) <= c.window) | c.is_global[q] | c.is_global[k], captures=lambda n, rng: {"is_global": rng.random(n.KV) < 0.1},
                            params={"window": 4}),
    "paged": Reference(mask=lambda c, b, h, q, k: (c.logical_page[b, k // 16] >= 0) & (c.logical_page[b, k // 16] * 16 + k % 16 <= q), captures=pages, shape=(2, 2, 2, 40, 70)),
}
