# One byte more than a mebibyte.
text = "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n"
print(text + "#" * (2**20 - len(text)), end="\n")
