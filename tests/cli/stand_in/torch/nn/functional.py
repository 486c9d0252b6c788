from .attention.flex_attention import flex_attention


def scaled_dot_product_attention(q, k, v, is_causal=False, scale=None, enable_gqa=False):
    mask = (lambda b, h, q_idx, kv_idx: q_idx >= kv_idx) if is_causal else None
    return flex_attention(q, k, v, block_mask=mask, scale=scale, enable_gqa=enable_gqa)
