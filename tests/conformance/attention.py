"""Dense attention in float64, written from docs/architecture.md alone: the reference that whole runs are compared with."""
import collections

import numpy as np

# `largest` is the largest finite |score| of a kept pair, after score_mod.
Attention = collections.namedtuple("Attention", "out lse max_scores largest")


def attention(q, k, v, *, scale=None, score=None, mask=None, sink=None, q_offset=0, kv_offset=0, q_step=1, kv_step=1):
    """q [B,H,Q,D], k [B or 1,HKV,KV,D], v [B or 1,HKV,KV,DV]; `score(s, b, h, q, k)` and `mask(b, h, q, k)` take arrays."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    batch, heads, rows, depth = q.shape
    columns = k.shape[2]
    k, v = (np.repeat(np.broadcast_to(x, (batch, *x.shape[1:])), heads // x.shape[1], axis=1) for x in (k, v))
    scale = 1 / np.sqrt(depth) if scale is None else scale
    b, h, qi, ki = np.ogrid[:batch, :heads, q_offset:q_offset + q_step * rows:q_step, kv_offset:kv_offset + kv_step * columns:kv_step]
    with np.errstate(all="ignore"):
        s = scale * np.einsum("bhqd,bhkd->bhqk", q, k)
        if score is not None:
            s = np.broadcast_to(np.asarray(score(s, b, h, qi, ki), np.float64), s.shape).copy()
        keep = np.ones(s.shape, bool) if mask is None else np.broadcast_to(mask(b, h, qi, ki), s.shape)
        keep = keep & ~np.isneginf(s)  # a score of minus infinity is removed in every respect
        s = np.where(keep, s, -np.inf)
        top = s.max(axis=-1, initial=-np.inf)
        floor = np.where(np.isfinite(top), top, 0)
        if sink is not None:
            sink = np.asarray(sink, np.float64)[None, :, None]
            floor = np.maximum(floor, sink)  # the sink is one of the exponentials: far above all scores it must not overflow
        weights = np.where(keep, np.exp(s - floor[..., None]), 0)
        total = weights.sum(-1)
        values = np.where(np.any(keep, axis=-2)[..., None], v, np.where(np.isfinite(v), v, 0))
        # A removed pair has no effect, whatever its v holds: rows are summed over what they keep.
        if np.isfinite(values).all():
            out = np.einsum("bhqk,bhkd->bhqd", weights, values)
        else:
            out = np.zeros((batch, heads, rows, v.shape[-1]))
            for at in np.ndindex(batch, heads, rows):
                kept = keep[at]
                out[at] = weights[at][kept] @ v[at[0], at[1]][kept]
        if sink is not None:
            total_with_sink = total + np.exp(sink - floor)
        else:
            total_with_sink = total
        empty = ~keep.any(-1)
        out = np.where(empty[..., None], 0, out / np.where(empty, 1, total_with_sink)[..., None])
        lse = np.where(total_with_sink == 0, -np.inf, floor + np.log(total_with_sink))
    # the largest matters to error bounds: an f32 score is off by 2^-24 of itself
    return Attention(out, lse, top, float(np.max(abs(s), initial=0, where=keep & np.isfinite(s))))
