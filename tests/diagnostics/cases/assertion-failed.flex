def tiles(canvas, tile):
    assert canvas % tile == 0, "the canvas must be whole tiles"
    def keep(b, h, q_idx, kv_idx):
        return q_idx // tile == kv_idx // tile
    return keep

mask_mod = tiles(100, 16)
