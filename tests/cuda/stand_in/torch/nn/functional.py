def scaled_dot_product_attention(q, k, v, is_causal, enable_gqa):
    from .attention import chosen

    assert chosen == ["cudnn"], "no back end was chosen"
    assert enable_gqa == (q.shape[1] != k.shape[1]) and k.shape == v.shape
    return q
