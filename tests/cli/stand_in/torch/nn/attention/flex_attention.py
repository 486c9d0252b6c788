import numpy


def create_block_mask(mask_mod, batch, heads, q_len, kv_len, device=None):
    return mask_mod


def flex_attention(q, k, v, score_mod=None, block_mask=None, scale=None, enable_gqa=False):
    assert enable_gqa == (q.shape[1] != k.shape[1])
    from torch import Tensor  # here, when the package is whole

    group = q.shape[1] // k.shape[1]
    k, v = (numpy.repeat(numpy.asarray(x, numpy.float64), group, axis=1) for x in (k, v))
    scores = numpy.asarray(q, numpy.float64) @ k.swapaxes(-1, -2) * (scale if scale is not None else q.shape[-1] ** -0.5)
    b, h, q_idx, kv_idx = numpy.ogrid[tuple(slice(0, extent) for extent in scores.shape)]
    if score_mod:
        scores = score_mod(scores, b, h, q_idx, kv_idx)
    if block_mask:
        scores = numpy.where(block_mask(b, h, q_idx, kv_idx), scores, -numpy.inf)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    return (weights @ v / weights.sum(-1, keepdims=True)).view(Tensor)
