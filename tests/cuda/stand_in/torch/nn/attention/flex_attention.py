def create_block_mask(mask_mod, batch, heads, q_len, kv_len, device):
    assert device == "cuda" and batch is None and heads is None
    for q_idx in (0, q_len - 1):
        assert mask_mod(0, 0, q_idx, kv_len - 1) in (True, False)
    return mask_mod


def flex_attention(q, k, v, score_mod=None, block_mask=None, enable_gqa=False, kernel_options=None):
    assert enable_gqa == (q.shape[1] != k.shape[1])
    if kernel_options:
        raise RuntimeError("the stand-in has no FLASH back end")
    if score_mod:
        score = score_mod(0.5, 0, q.shape[1] - 1, q.shape[2] - 1, k.shape[2] - 1)
        assert isinstance(score, float)
    return q
